import fc from 'fast-check';
import { Frame } from '../protocol/frame.js';
import { ENTRY_BYTES } from '../protocol/history-limits.js';
import { EventLog } from './event-log.js';

const frame = (data: string) => Frame.of({ data });

/** The log as anyone would write it first: an array, and a shift for each that goes. */
class PlainLog {
  entries: { number: number; position: string; frame: Frame; at: number }[] = [];
  next = 0;
  base: string | undefined;

  get first(): number {
    return this.entries[0]?.number ?? this.next;
  }
  get byteLength(): number {
    return this.entries.reduce((sum, entry) => sum + entry.frame.byteLength + ENTRY_BYTES, 0);
  }
  cursorAfter(position: string): number | undefined {
    const found = [...this.entries].reverse().find((entry) => entry.position === position);
    return found ? found.number + 1 : position === this.base ? this.first : undefined;
  }
  drop(): void {
    this.base = this.entries.shift()?.position;
  }
}

const limits = fc.record({
  maxEvents: fc.integer({ min: 0, max: 20 }),
  maxBytes: fc.integer({ min: 0, max: 2_500 }),
  maxAgeMs: fc.oneof(fc.constant<false>(false), fc.integer({ min: 0, max: 50 })),
});

const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('append' as const), data: fc.string({ maxLength: 20 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('trim' as const), keep: fc.integer({ min: 0, max: 10 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const) }) },
);

describe('EventLog', () => {
  it('answers as an array would, whatever is appended, trimmed, cleared and lost', () => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 200 }), (bounds, steps) => {
        const log = new EventLog(bounds);
        const plain = new PlainLog();
        const dropped: number[] = [];
        const expectedDrops: number[] = [];
        log.onDrop = (number) => dropped.push(number);
        const drop = () => {
          expectedDrops.push(plain.first);
          plain.drop();
        };
        const { maxEvents, maxBytes } = bounds;
        const maxAgeMs = bounds.maxAgeMs === false ? Infinity : bounds.maxAgeMs;
        const minted: string[] = [];
        const isOver = (now: number, kept = plain.entries) =>
          kept.length > maxEvents ||
          kept.reduce((sum, entry) => sum + entry.frame.byteLength + ENTRY_BYTES, 0) > maxBytes ||
          now - kept[0]!.at >= maxAgeMs;
        steps.forEach((one, now) => {
          if (one.kind === 'append') {
            const position = `p-${now}`;
            minted.push(position);
            const added = frame(one.data);
            expect(log.append(position, added, now)).toBe(plain.next);
            plain.entries.push({ number: plain.next++, position, frame: added, at: now });
          } else if (one.kind === 'trim') {
            const keepFrom = log.next - one.keep;
            log.trim(now, keepFrom);
            while (plain.entries.length > 0 && plain.first < keepFrom && isOver(now)) drop();
          } else {
            while (plain.entries.length > 0) drop();
            plain.base = `b-${now}`;
            if (one.kind === 'clear') log.clear(plain.base);
            else log.lose(plain.base);
            if (one.kind === 'lose') plain.next++;
          }
          expect([log.first, log.next, log.size]).toEqual([plain.first, plain.next, plain.entries.length]);
          expect([log.byteLength, log.base]).toEqual([plain.byteLength, plain.base]);
          const kept = [...plain.entries];
          while (kept.length > 0 && isOver(now, kept)) kept.shift();
          expect(log.oldest(now)).toBe(kept[0]?.number ?? plain.next);
          const keptBytes = kept.reduce((sum, entry) => sum + entry.frame.byteLength + ENTRY_BYTES, 0);
          expect(log.excess(now)).toBe(plain.byteLength - keptBytes);
          expect(log.firstSince(now)).toBe(plain.entries.find(({ at }) => at >= now)?.number ?? plain.next);
          expect(log.head).toBe(plain.entries.at(-1)?.position ?? plain.base);
          for (const { number, position, frame: expected } of plain.entries) {
            expect(log.frameAt(number)).toBe(expected);
            expect(log.positionAt(number)).toBe(position);
            expect(log.positionBefore(number + 1)).toBe(position);
          }
          for (const position of [...minted, plain.base ?? 'none']) {
            expect(log.cursorAfter(position)).toBe(plain.cursorAfter(position));
          }
        });
        expect(dropped).toEqual(expectedDrops);
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('gives no room to a channel that has become quiet', () => {
    const log = new EventLog({ maxEvents: 1, maxBytes: 1e9, maxAgeMs: false });
    for (let n = 0; n < 10_000; n++) log.append(`p-${n}`, frame(''), 0);
    for (let n = 0; n < 20; n++) log.trim(0, log.next);
    expect((log as unknown as { frames: unknown[] }).frames.length).toBeLessThanOrEqual(8);
    expect(log.head).toBe('p-9999');
  });

  it('keeps whoever is at the head there when it is cleared, and puts all behind when it has lost something', () => {
    const log = new EventLog({ maxEvents: 9, maxBytes: 999, maxAgeMs: false });
    log.append('p-0', frame(''), 0);
    const head = log.next;
    log.clear('q-0');
    expect(head).toBe(log.first);
    log.lose('r-0');
    expect(head).toBeLessThan(log.first);
    expect(log.cursorAfter('r-0')).toBe(log.first);
    expect(log.cursorAfter('p-0')).toBeUndefined();
  });

  it('finds the newer of two entries that a broken store gave one position', () => {
    const log = new EventLog({ maxEvents: 1, maxBytes: 999, maxAgeMs: false });
    log.append('p', frame('1'), 0);
    log.append('p', frame('2'), 0);
    log.trim(0, log.next);
    expect(log.cursorAfter('p')).toBe(2);
  });
});
