/**
 * A test of names, made of a pattern in which each `*` stands for any characters.
 *
 * It looks for the text between two stars once, from left to right. The leftmost place is always right, because the star
 * behind it takes what is left. So nothing is tried twice, and many stars cost no more than one. A regular expression would
 * try again.
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
