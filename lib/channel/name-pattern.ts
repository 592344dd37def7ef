/**
 * A channel's name in which each `*` stands for any characters, as a test of names.
 *
 * What stands between two stars is looked for once, from left to right: the leftmost place is always right, since the star
 * behind it takes whatever is left. So nothing is tried twice, as a regular expression would, and many stars cost no more
 * than one.
 *
 * @internal
 */
export function namePattern(pattern: string): (name: string) => boolean {
  const [start = '', ...rest] = pattern.split('*');
  const end = rest.pop();
  if (end === undefined) return (name) => name === pattern;
  const middle = rest.filter((part) => part !== '');
  const length = start.length + end.length;
  return (name) => {
    if (name.length < length || !name.startsWith(start) || !name.endsWith(end)) return false;
    const stop = name.length - end.length;
    let at = start.length;
    for (const part of middle) {
      const found = name.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return at <= stop;
  };
}
