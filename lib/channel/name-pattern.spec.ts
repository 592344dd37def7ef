import { namePattern } from './name-pattern.js';

describe('namePattern()', () => {
  it.each([
    ['a', 'a', true],
    ['a', 'aa', false],
    ['*', '', true],
    ['*', 'anything\u2028at all', true],
    ['a*', 'a', true],
    ['a*', 'ba', false],
    ['*a', 'ba', true],
    ['*a', 'ab', false],
    // The start and the end do not share a character.
    ['ab*ba', 'aba', false],
    ['ab*ba', 'abba', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['a*bc*c', 'abc', false],
    ['a**b', 'ab', true],
    ['a*b*b', 'ab', false],
    ['*.*.*', 'a.b', false],
    ['*.*.*', '..', true],
    ['room.*.user.*', 'room.7.user.9', true],
  ])('%j takes %j: %s', (pattern, name, isTaken) => {
    expect(namePattern(pattern)(name)).toBe(isTaken);
  });

  it('agrees with a regular expression, for all short names', () => {
    const names = [...words('ab.', 5)];
    for (const pattern of words('ab*', 5)) {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
      const matches = namePattern(pattern);
      for (const name of names) if (matches(name) !== expression.test(name)) throw new Error(`${pattern} ${name}`);
    }
  });

  // As a regular expression it took longer than anyone waited.
  it('answers in linear time, however many stars there are', () => {
    const matches = namePattern('*.*.*.*.*x');
    const began = performance.now();
    for (let n = 0; n < 1_000; n++) expect(matches('.'.repeat(250))).toBe(false);
    expect(performance.now() - began).toBeLessThan(60_000);
  });
});

function* words(letters: string, length: number): Generator<string> {
  yield '';
  if (length === 0) return;
  for (const word of words(letters, length - 1)) for (const letter of letters) yield letter + word;
}
