import { MemoryBackplane } from '../backplane/memory-backplane.js';
import type { Connection } from '../connection/connection.js';
import type { WireText } from '../protocol/wire-text.js';
import { resolveChannelOptions } from './channel-options.js';
import { ChannelSet } from './channel-set.js';
import type { LiveGroup, LiveReader } from './live-group.js';

/** A reader whose socket takes `room` writes, and which does `then` after each. */
class Reader implements LiveReader {
  liveIndex = -1;
  readonly writes: (WireText | string)[] = [];
  events = 0;
  cursors: readonly number[] | undefined;
  then: (() => void) | undefined;

  readonly connection: Connection;

  constructor(room = Infinity) {
    const written = (shared: WireText | string, events: number) => {
      room--;
      this.writes.push(shared);
      this.events += events;
      this.then?.();
    };
    this.connection = {
      get isWritable() {
        return room > 0;
      },
      writeShared: written,
      writeOwn: written,
    } as unknown as Connection;
  }

  get text(): string {
    return this.writes.map((write) => (typeof write === 'string' ? write : write.text)).join('');
  }

  fellBehind(cursors: readonly number[]): void {
    this.cursors = cursors;
  }

  error: unknown;
  failed(error: unknown): void {
    this.error = error;
  }
}

describe('LiveGroup', () => {
  const nextTick = () => new Promise((resolve) => process.nextTick(resolve));
  let backplane: MemoryBackplane;
  let set: ChannelSet;

  beforeEach(() => {
    backplane = new MemoryBackplane();
    set = new ChannelSet(backplane, resolveChannelOptions({ history: { maxEvents: 4 } }), (error) => {
      throw error;
    });
  });
  afterEach(() => set.close());

  const publish = (name: string, data: string) =>
    backplane.publish(
      name,
      { kind: 'event', data, type: undefined, retry: undefined, comment: undefined },
      {
        history: { maxEvents: 4, maxBytes: 1_000_000, maxAgeMs: false },
        key: undefined,
      },
    ) as string;

  const groupOf = (...names: string[]): LiveGroup => set.groupOf(names.map((name) => set.get(name)));

  it('writes a burst in slices, so that a reader whose socket is full holds one of them', async () => {
    const group = groupOf('a');
    const readers = [new Reader(3), new Reader(Infinity)];
    for (const reader of readers) group.join(reader);
    for (let n = 0; n < 100; n++) publish('a', `${n}`.padEnd(10_000, '.'));
    await nextTick();
    const [full, other] = readers as [Reader, Reader];
    for (const write of [...full.writes, ...other.writes]) {
      const { length } = typeof write === 'string' ? write : write.text;
      expect(length).toBeLessThan(65_536 + 10_100);
    }
    expect(other.events).toBe(100);
    expect(full.writes).toHaveLength(3);
    // It goes on exactly behind what it has.
    expect(full.cursors).toEqual([full.events]);
  });

  it('writes the same bytes to all its readers, whatever the number of channels', async () => {
    const readers = [new Reader(), new Reader()];
    for (const reader of readers) expect(groupOf('a', 'b').join(reader)).toBe(true);
    const b0 = set.get('b').log.head;
    const a1 = publish('a', '1');
    const b1 = publish('b', '2');
    await nextTick();
    const a2 = publish('a', '3');
    await nextTick();
    const [hashA, hashB] = [set.get('a').hash, set.get('b').hash];
    expect(readers[0]!.text).toBe(
      `id: ${hashA}~${a1}.${hashB}~${b0}\ndata: 1\n\n` +
        `id: ${hashA}~${a1}.${hashB}~${b1}\ndata: 2\n\n` +
        `id: ${hashA}~${a2}.${hashB}~${b1}\ndata: 3\n\n`,
    );
    expect(readers[0]!.writes).toHaveLength(2);
    expect(readers[1]!.writes).toEqual(readers[0]!.writes);
    readers[1]!.writes.forEach((shared, index) => expect(shared).toBe(readers[0]!.writes[index]));
    expect(readers[0]!.events).toBe(3);
  });

  it('is one for the same channels in the same order, and gone with its last reader', () => {
    const reader = new Reader();
    const group = groupOf('a', 'b');
    group.join(reader);
    expect(groupOf('a', 'b')).toBe(group);
    expect(groupOf('b', 'a')).not.toBe(group);
    expect(groupOf('a')).not.toBe(group);
    expect(set.get('a').readers).toBe(1);
    group.quit(reader);
    group.quit(reader);
    expect(set.get('a').readers).toBe(0);
    expect(set.get('b').groups.has(group)).toBe(false);
    expect(groupOf('a', 'b')).not.toBe(group);
  });

  it('lets a reader go whose socket is full, after what it took or before what it did not', async () => {
    const [slow, full, fast] = [new Reader(1), new Reader(0), new Reader()];
    const group = groupOf('a', 'b');
    for (const reader of [slow, full, fast]) group.join(reader);
    publish('a', '1');
    await nextTick();
    expect([slow.cursors, full.cursors, fast.cursors]).toEqual([[1, 0], [0, 0], undefined]);
    publish('b', '2');
    await nextTick();
    expect([slow.writes.length, full.writes.length, fast.writes.length]).toEqual([1, 0, 2]);
    expect(set.get('a').readers).toBe(1);
  });

  it('takes nobody who has what the others have yet to get', async () => {
    const [first, second] = [new Reader(), new Reader()];
    const group = groupOf('a');
    group.join(first);
    publish('a', '1');
    expect(group.join(second)).toBe(false);
    await nextTick();
    expect(group.join(second)).toBe(true);
    expect([first.writes.length, second.writes.length]).toEqual([1, 0]);
  });

  it('sends what is published from within a flush to all, in order, after it', async () => {
    const [first, second] = [new Reader(), new Reader()];
    const group = groupOf('a', 'b');
    group.join(first);
    group.join(second);
    first.then = () => {
      first.then = undefined;
      publish('b', 'nested');
      set.get('b').flush();
    };
    publish('a', '1');
    await nextTick();
    expect(first.text).toMatch(/data: 1\n\n.*\ndata: nested\n\n$/);
    expect(second.text).toBe(first.text);
  });

  it('lets all go who miss what was published from within a flush, when the log has not kept it', async () => {
    const [first, second] = [new Reader(), new Reader()];
    const group = groupOf('a');
    group.join(first);
    group.join(second);
    first.then = () => {
      first.then = undefined;
      for (let n = 0; n < 10; n++) publish('a', 'nested');
      set.get('a').flush();
    };
    publish('a', '1');
    await nextTick();
    expect([first.text, second.text]).toEqual([expect.stringMatching(/data: 1\n\n$/), first.text]);
    expect([first.cursors, second.cursors]).toEqual([[1], [1]]);
  });

  it('keeps its list whole when readers leave during a flush', async () => {
    const readers = Array.from({ length: 5 }, () => new Reader());
    const group = groupOf('a');
    for (const reader of readers) group.join(reader);
    readers[1]!.then = () => [0, 1, 4].forEach((index) => group.quit(readers[index]!));
    publish('a', '1');
    await nextTick();
    expect(readers.map(({ writes }) => writes.length)).toEqual([1, 1, 1, 1, 0]);
    expect(group.size).toBe(2);
    for (const index of [2, 3]) group.quit(readers[index]!);
    expect(set.get('a').groups.size).toBe(0);
  });

  // The exception left the group flushing for ever: nobody in it got anything any more.
  it.each([1, 5])(
    'goes on with the others, and with the next turn, when a write to one of %i throws',
    async (count) => {
      const readers = Array.from({ length: count }, () => new Reader());
      const group = groupOf('a');
      for (const reader of readers) group.join(reader);
      const bad = readers[count >> 1]!;
      const later = new Reader();
      bad.then = () => {
        throw new Error('a broken socket');
      };
      publish('a', '1');
      await nextTick();
      groupOf('a').join(later);
      publish('a', '2');
      await nextTick();
      expect(bad.error).toMatchObject({ message: 'a broken socket' });
      const others = readers.filter((reader) => reader !== bad);
      expect([bad, ...others].map(({ writes }) => writes.length)).toEqual([1, ...others.map(() => 2)]);
      expect(later.events).toBe(1);
      expect(set.get('a').readers).toBe(count);
    },
  );

  it('lets all go at the end, when all its channels have ended', async () => {
    const reader = new Reader();
    groupOf('a', 'b').join(reader);
    const history = { history: { maxEvents: 4, maxBytes: 1_000_000, maxAgeMs: false as const }, key: undefined };
    void backplane.publish('a', { kind: 'end' }, history);
    await nextTick();
    expect(reader.cursors).toBeUndefined();
    void backplane.publish('b', { kind: 'end' }, history);
    await nextTick();
    expect(reader.cursors).toEqual([1, 1]);
  });
});
