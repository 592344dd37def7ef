/** Longer names are nobody's slip. */
const MAX_LENGTH = 64;

/**
 * The name that somebody may have meant who wrote another one: with other capitals, a part of it, or a few letters off.
 *
 * @internal
 */
export function nearestName(written: string, names: readonly string[]): string | undefined {
  if (written.length > MAX_LENGTH) return undefined;
  const word = written.toLowerCase();
  const most = Math.min(3, Math.floor(word.length / 2));
  let nearest: string | undefined;
  let least = Infinity;
  for (const name of names) {
    const known = name.toLowerCase();
    const isPart = word.length > 2 && (known.includes(word) || word.includes(known));
    const distance = isPart ? Math.min(1, letterDistance(word, known)) : letterDistance(word, known);
    if (distance > most || distance >= least) continue;
    nearest = name;
    least = distance;
  }
  return nearest;
}

/** How many letters must be added, removed or replaced (Levenshtein's distance). */
function letterDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
