// Runs in the page: the demo's spec adds it as a script, and calls these by name. Browsers know no types, and the rest
// of the repository no DOM, so this is plain JavaScript.

/** Texts whose contrast to what is behind them is below WCAG 2.2, 1.4.3: 4.5, or 3 when they are large. */
globalThis.tooFaint = () => {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((value) => {
      const c = value / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = ([r, g, b, a = 1], behind) => [r, g, b].map((value, at) => value * a + behind[at] * (1 - a));
  const background = (element) => {
    if (!element) return [255, 255, 255];
    const color = channels(getComputedStyle(element).backgroundColor);
    return color[3] === undefined ? color : over(color, background(element.parentElement));
  };
  const isShown = (element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
    !element.closest('.hidden-text, .skip, option, :disabled');

  const faint = [];
  for (const element of document.body.querySelectorAll('*')) {
    const text = Array.from(element.childNodes, (node) =>
      node.nodeType === Node.TEXT_NODE ? node.data.trim() : '',
    ).join('');
    if (text === '' || !isShown(element) || element.matches('script, style')) continue;
    const style = getComputedStyle(element);
    const behind = background(element);
    const [bright, dark] = [luminance(over(channels(style.color), behind)), luminance(behind)].sort((a, b) => b - a);
    const contrast = (bright + 0.05) / (dark + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (isLarge ? 3 : 4.5)) faint.push(`${contrast.toFixed(2)} ${element.className}: ${text.slice(0, 40)}`);
  }
  return faint;
};

/** Controls that a screen reader could not call by a name, and parts of the page without a heading. */
globalThis.nameless = () => {
  const nameOf = (element) =>
    [
      element.getAttribute('aria-label'),
      document.getElementById(element.getAttribute('aria-labelledby'))?.textContent,
      ...Array.from(element.labels ?? [], (label) => label.textContent),
      element.matches('button, a') ? element.textContent : '',
    ].some((name) => name?.trim());
  const controls = document.querySelectorAll(
    'a, button, input, select, textarea, progress, section, aside, fieldset, [tabindex]',
  );
  return Array.from(controls)
    .filter((element) => !nameOf(element) && !element.querySelector(':scope > legend'))
    .map((element) => element.outerHTML.slice(0, 80));
};
