import type { SseEventInit } from '../protocol/sse-event.js';
import type { SseBufferOptions } from './connection-options.js';
import { ENTRY_BYTES, Outbox } from './outbox.js';

/** One with room for so many events of so many bytes together. */
const outboxOf = (bytes: number, overflow: SseBufferOptions['overflow'], events = 0) =>
  new Outbox({ maxBytes: bytes + events * ENTRY_BYTES, overflow });
/** Each in a turn of its own. */
let turn = 0;
const add = (outbox: Outbox, text: string, event: SseEventInit) => outbox.add(text, event, turn++);
const everything = (outbox: Outbox) => outbox.take(Number.POSITIVE_INFINITY);

describe('Outbox', () => {
  it('gives back whole events, oldest first, as many as fit, and one at least', () => {
    const outbox = outboxOf(10, 'disconnect', 4);
    for (const text of ['aa', 'bbb', 'c', 'dddd']) expect(add(outbox, text, {})).toBe(0);
    expect(outbox.byteLength).toBe(10);
    expect(outbox.take(5)).toEqual({ text: 'aabbb', events: 2 });
    expect(outbox.take(1)).toEqual({ text: 'c', events: 1 });
    expect(outbox.take(1)).toEqual({ text: 'dddd', events: 1 });
    expect(outbox.take(1)).toEqual({ text: '', events: 0 });
    expect([outbox.isEmpty, outbox.byteLength]).toEqual([true, 0]);
  });

  it('counts bytes, not characters', () => {
    const outbox = outboxOf(4, 'disconnect', 2);
    expect(add(outbox, 'é', {})).toBe(0);
    expect(add(outbox, 'éa', {})).toBe('overflow');
    expect(add(outbox, 'é', {})).toBe(0);
    expect(outbox.byteLength).toBe(4);
  });

  // A megabyte of the smallest events was ten times as much of the heap.
  it('counts what an event costs beside its bytes', () => {
    const outbox = outboxOf(1_000, 'disconnect', 9);
    for (let n = 0; n < 19; n++) expect(add(outbox, 'a', {})).toBe(0);
    expect(add(outbox, 'a', {})).toBe('overflow');
  });

  it.each(['disconnect', 'dropOldest', 'dropNewest', { latest: () => 'key' }] as const)(
    'takes an event that is larger than the whole buffer when it is alone: %j',
    (overflow) => {
      const outbox = outboxOf(3, overflow);
      expect(add(outbox, 'much too large', {})).toBe(0);
      expect(everything(outbox)).toEqual({ text: 'much too large', events: 1 });
    },
  );

  it('takes what is forced on it, whatever the policy', () => {
    const outbox = outboxOf(3, 'disconnect');
    add(outbox, 'aaa', {});
    outbox.force('the end', turn++);
    expect(everything(outbox)).toEqual({ text: 'aaathe end', events: 2 });
  });

  it('disconnect: says so', () => {
    const outbox = outboxOf(3, 'disconnect', 2);
    add(outbox, 'aa', {});
    expect(add(outbox, 'bb', {})).toBe('overflow');
  });

  it('dropNewest: loses the event, and keeps what waits', () => {
    const outbox = outboxOf(3, 'dropNewest', 2);
    add(outbox, 'aa', {});
    expect(add(outbox, 'bb', {})).toBe(1);
    expect(add(outbox, 'c', {})).toBe(0);
    expect(everything(outbox)).toEqual({ text: 'aac', events: 2 });
  });

  it('dropOldest: loses as many as it must, and no more', () => {
    const outbox = outboxOf(4, 'dropOldest', 4);
    for (const text of ['a', 'b', 'c', 'd']) add(outbox, text, {});
    expect(add(outbox, 'ee', {})).toBe(2);
    expect(everything(outbox)).toEqual({ text: 'cdee', events: 3 });
  });

  it('dropOldest: loses all for one that is larger than the buffer', () => {
    const outbox = outboxOf(4, 'dropOldest', 4);
    for (const text of ['a', 'b', 'c', 'd']) add(outbox, text, {});
    const large = 'x'.repeat(4 + 4 * ENTRY_BYTES);
    expect(add(outbox, large, {})).toBe(4);
    expect(everything(outbox)).toEqual({ text: large, events: 1 });
  });

  describe('latest', () => {
    const latest = { latest: ({ type }: { type?: string }) => type };

    it('keeps the newest event of each key, in the order in which they were sent', () => {
      const outbox = outboxOf(100, latest, 4);
      expect(add(outbox, 'a1', { type: 'a' })).toBe(0);
      expect(add(outbox, 'b1', { type: 'b' })).toBe(0);
      expect(add(outbox, 'a2', { type: 'a' })).toBe(1);
      expect(everything(outbox)).toEqual({ text: 'b1a2', events: 2 });
      expect(add(outbox, 'a3', { type: 'a' })).toBe(0);
    });

    it('keeps all events without a key', () => {
      const outbox = outboxOf(100, latest, 4);
      expect([add(outbox, '1', {}), add(outbox, '2', {})]).toEqual([0, 0]);
      expect(everything(outbox).text).toBe('12');
    });

    it('gives up when the newest of each key are too many', () => {
      const outbox = outboxOf(4, latest, 2);
      add(outbox, 'aa', { type: 'a' });
      add(outbox, 'bb', { type: 'b' });
      expect(add(outbox, 'AA', { type: 'a' })).toBe(1);
      expect(add(outbox, 'cc', { type: 'c' })).toBe('overflow');
    });

    it('tells the key 1 from the key "1"', () => {
      const outbox = outboxOf(100, { latest: ({ data }) => data as string | number }, 2);
      expect([add(outbox, 'a', { data: 1 }), add(outbox, 'b', { data: '1' })]).toEqual([0, 0]);
    });

    it('is right after any number of replacements and takes', () => {
      const outbox = outboxOf(1_000_000, latest);
      const model = new Map<string, string>();
      const wrong: string[] = [];
      // Enough to make it move its entries several times; 101 and 7 share no factor, so every key meets every state.
      for (let n = 0; n < 20_000; n++) {
        const type = `key ${(n * 7) % 101}`;
        const text = `${type} is ${n};`;
        if (add(outbox, text, { type }) !== (model.has(type) ? 1 : 0)) wrong.push(text);
        model.delete(type);
        model.set(type, text);
        if (n % 997 === 0) {
          const [[oldest = '', expected = ''] = []] = model;
          expect(outbox.take(1)).toEqual({ text: expected, events: 1 });
          model.delete(oldest);
        }
      }
      expect(wrong).toEqual([]);
      expect(everything(outbox)).toEqual({ text: [...model.values()].join(''), events: model.size });
      expect(outbox.byteLength).toBe(0);
    });
  });

  it('does not grow while as much is dropped as is added', () => {
    const outbox = outboxOf(10, 'dropOldest', 1);
    for (let n = 0; n < 100_000; n++) add(outbox, '0123456789', {});
    const { waiting } = outbox as unknown as { waiting: unknown[] };
    expect(waiting.length).toBeLessThan(5_000);
    expect(everything(outbox)).toEqual({ text: '0123456789', events: 1 });
  });
});
