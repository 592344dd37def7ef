import fc from 'fast-check';
import { formatVector, hashChannel, MAX_CHANNELS, MAX_VECTOR_BYTES, parseResume } from './position-vector.js';

const position = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).filter((text) => !/^\d+$/.test(text));
const name = fc.string({ minLength: 1, maxLength: 30 });

describe('a position vector', () => {
  it('comes back as it was sent, each channel by its name, in whatever order', () => {
    fc.assert(
      fc.property(fc.dictionary(name, position, { minKeys: 1, maxKeys: 40 }), (byName) => {
        const places = Object.entries(byName).map(([one, at]) => ({ hash: hashChannel(one), told: at }));
        const resume = parseResume(formatVector(places));
        if (resume.kind !== 'vector') throw new Error(resume.kind);
        // Added: not known. Removed: nobody asks. Reordered: found all the same.
        for (const { hash, told: at } of [...places].reverse()) expect(resume.positions.get(hash)).toBe(at);
        expect(resume.positions.size).toBe(places.length);
        expect(resume.positions.has(hashChannel(`${Object.keys(byName).join()} added`))).toBe(false);
      }),
      { numRuns: 300, seed: 5 },
    );
  });

  it('leaves out channels without a position', () => {
    expect(formatVector([{ hash: hashChannel('a'), told: undefined }])).toBe('');
    const id = formatVector([
      { hash: hashChannel('a'), told: undefined },
      { hash: hashChannel('b'), told: 'e-1' },
    ]);
    expect(parseResume(id)).toEqual({ kind: 'vector', positions: new Map([[hashChannel('b'), 'e-1']]) });
  });

  it('is a plain position for one channel', () => {
    fc.assert(fc.property(position, (at) => void expect(parseResume(at)).toEqual({ kind: 'position', position: at })));
  });

  it('takes any text, and takes nothing else for a position', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9._~-]*$/)), (text) => {
        const resume = parseResume(text);
        if (resume.kind === 'position') expect(text).toMatch(/^(?!\d+$)[A-Za-z0-9_-]{1,64}$/);
        if (resume.kind === 'vector')
          expect(text).toBe(formatVector([...resume.positions].map(([hash, at]) => ({ hash, told: at }))));
      }),
      { numRuns: 2_000, seed: 6 },
    );
  });

  it.each([
    '',
    '12',
    '1,2',
    '$',
    'a.b',
    'abcdefgh~',
    'abcdefgh~12',
    '~a-1',
    'abcdefgh~a-1.abcdefgh~a-2',
    'a'.repeat(65),
  ])('calls %j malformed', (id) => expect(parseResume(id).kind).toBe('malformed'));

  it('is fresh without an id', () => expect(parseResume(undefined)).toEqual({ kind: 'fresh' }));

  it('fits its own bound for as many channels as a subscription may have', () => {
    const places = Array.from({ length: MAX_CHANNELS }, (_, n) => ({
      hash: hashChannel(`${n}`),
      told: '1795279269123-12345678901',
    }));
    expect(formatVector(places).length).toBeLessThanOrEqual(MAX_VECTOR_BYTES);
    expect(parseResume(formatVector(places)).kind).toBe('vector');
  });
});
