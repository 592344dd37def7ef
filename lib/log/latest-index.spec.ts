import fc from 'fast-check';
import { Frame } from '../protocol/frame.js';
import { ENTRY_BYTES } from '../protocol/history-limits.js';
import { LatestIndex } from './latest-index.js';

const frame = Frame.of({ data: '0123456789' });
const entry = (number: number, key?: string) => ({ number, position: `p-${number}`, frame, key });
const numbers = (index: LatestIndex, cursor = 0) => [...index.from(cursor)].map(({ number }) => number);

describe('LatestIndex', () => {
  it('keeps the newest of each key, in order, also of those that the log has dropped', () => {
    const index = new LatestIndex({ maxEvents: 10, maxBytes: 10_000 });
    ['a', 'b', 'a', 'c'].forEach((key, number) => index.add(entry(number, key)));
    for (let n = 0; n < 4; n++) index.dropped(n);
    expect(numbers(index)).toEqual([1, 2, 3]);
    expect(numbers(index, 2)).toEqual([2, 3]);
    expect(index.lost).toBe(-1);
  });

  it('keeps what has no key until the log drops it, and says that it is lost then', () => {
    const index = new LatestIndex({ maxEvents: 10, maxBytes: 10_000 });
    index.add(entry(0));
    index.add(entry(1, 'a'));
    expect(numbers(index)).toEqual([0, 1]);
    index.dropped(0);
    expect(numbers(index)).toEqual([1]);
    expect(index.lost).toBe(0);
  });

  it('tells exactly the readers that miss something, within its bounds, whatever comes', () => {
    const key = fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { nil: undefined });
    fc.assert(
      fc.property(
        fc.array(key, { maxLength: 100 }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 8 }),
        (keys, maxEvents, logSize) => {
          const index = new LatestIndex({ maxEvents, maxBytes: 1_000_000 });
          keys.forEach((one, number) => {
            index.add(entry(number, one));
            if (number >= logSize) index.dropped(number - logSize);
          });
          const kept = numbers(index);
          expect(kept.length).toBeLessThanOrEqual(maxEvents);
          expect(kept).toEqual([...kept].sort((a, b) => a - b));
          for (let cursor = 0; cursor < keys.length; cursor++) {
            if (index.lost >= cursor) continue;
            // Nothing was lost from here on: each event is there, or a newer one of its key.
            for (let n = cursor; n < keys.length; n++) {
              const newest = keys[n] === undefined ? n : keys.lastIndexOf(keys[n]);
              expect(kept).toContain(newest);
            }
          }
        },
      ),
      { numRuns: 500, seed: 4 },
    );
  });

  it('is bounded by bytes as well', () => {
    const index = new LatestIndex({ maxEvents: 100, maxBytes: 3 * (frame.byteLength + ENTRY_BYTES) });
    for (let n = 0; n < 10; n++) index.add(entry(n, `k${n}`));
    expect(numbers(index)).toEqual([7, 8, 9]);
    expect(index.lost).toBe(6);
  });
});
