import type { SseBackplaneEntry, SseBackplaneListener } from './backplane.js';
import { MemoryBackplane } from './memory-backplane.js';

const settings = (maxEvents = 10, key?: string) => ({
  history: { maxEvents, maxBytes: 1e6, maxAgeMs: false as const },
  key,
});
const event = (data: string) => ({ kind: 'event', data }) as const;

class Listener implements SseBackplaneListener {
  head: string | undefined;
  readonly entries: SseBackplaneEntry[] = [];
  ready(head: string | undefined): void {
    this.head = head;
  }
  entry(entry: SseBackplaneEntry): void {
    this.entries.push(entry);
  }
  gap(): void {
    throw new Error('nothing is lost in memory');
  }
}

// What all backplanes have in common is in the contract: test/contract/backplanes.spec.ts.
describe('the backplane in memory', () => {
  let backplane: MemoryBackplane;
  let listener: Listener;
  beforeEach(() => {
    backplane = new MemoryBackplane();
    listener = new Listener();
  });
  const subscribe = () => backplane.subscribe('a', listener);
  const publish = (data: string, given = settings()) => backplane.publish('a', event(data), given) as string;
  const mark = (kind: 'start' | 'end') => backplane.publish('a', { kind }, settings()) as string;
  const gapAt = async (position: string) => (await backplane.read('a', position, 1)).gap;

  it('has told its listeners by the time that publish() returns', () => {
    subscribe();
    const position = publish('1');
    expect(listener.entries).toEqual([{ position, previous: listener.head, event: event('1') }]);
  });

  it('says why there is nothing after a position', async () => {
    subscribe();
    for (const data of ['1', '2', '3']) publish(data);
    const [first, second, third] = listener.entries.map(({ position }) => position) as [string, string, string];
    const epoch = third.slice(0, 6);
    const reasons = {
      [third]: undefined,
      [second]: 'trimmed',
      [first]: 'trimmed',
      [listener.head!]: 'trimmed',
      [`${epoch}-4aaaaaa`]: 'future',
      [`${epoch}-9007199254740991aaaaaa`]: 'future',
      ['000000-3aaaaaa']: 'foreign',
      [`${epoch}-03aaaaaa`]: 'malformed',
      [`${epoch}x-3aaaaaa`]: 'malformed',
      [`${epoch}-3-3`]: 'malformed',
      [`${epoch}--3aaaaaa`]: 'malformed',
      [`${third}\n`]: 'malformed',
      [`${epoch}-3`]: 'malformed',
      [`${epoch}-`]: 'malformed',
      [epoch]: 'malformed',
      '3': 'malformed',
      '': 'malformed',
    };
    for (const [position, reason] of Object.entries(reasons))
      expect([position, await gapAt(position)]).toEqual([position, reason]);
  });

  it('takes a position for a foreign one after each end of a life: an event after the end, a start, the last listener', async () => {
    const subscription = subscribe();
    const positions = [publish('1')];
    mark('end');
    expect(await gapAt(positions[0]!)).toBe('trimmed');
    positions.push(publish('2'));
    mark('start');
    positions.push(publish('3'));
    subscription.close();
    subscription.close();
    subscribe();
    for (const position of positions) expect(await gapAt(position)).toBe('foreign');
    expect(new Set(positions.map((position) => position.split('-')[0])).size).toBe(3);
  });

  it('keeps nothing of a channel that nobody listens to', async () => {
    subscribe().close();
    const before = listener.head;
    const position = publish('1');
    expect(await gapAt(position)).toBe('foreign');
    subscribe().close();
    // Who has seen nothing of it may have missed it.
    expect(listener.head).not.toBe(before);
    expect((backplane as unknown as { lives: Map<string, unknown> }).lives.size).toBe(0);
  });

  it('begins where it began when nothing was published meanwhile, and elsewhere when what was is gone', async () => {
    const heads = [];
    for (let n = 0; n < 2; n++) {
      subscribe().close();
      heads.push(listener.head!);
    }
    expect(heads[1]).toBe(heads[0]);
    expect(await gapAt(heads[0]!)).toBeUndefined();
    const subscription = subscribe();
    publish('1');
    expect(listener.entries[0]!.previous).toBe(heads[0]);
    subscription.close();
    expect(await gapAt(heads[0]!)).toBe('foreign');
    subscribe();
    expect(listener.head).not.toBe(heads[0]);
    // Another channel's, and another process's, are others.
    const other = new Listener();
    backplane.subscribe('b', other);
    new MemoryBackplane().subscribe('a', listener);
    expect(new Set([...heads, other.head, listener.head]).size).toBe(3);
  });

  it('gives positions that cannot be made from one another', async () => {
    subscribe();
    const positions = Array.from({ length: 10_000 }, (_, n) => publish(`${n}`));
    const seals = [listener.head!, ...positions].map((position) => position.slice(-6));
    expect(new Set(seals).size).toBe(seals.length);
    const [epoch] = positions[0]!.split('-') as [string];
    // The right place in the right life, and the seal of another: no log has it, and it is told as what is gone.
    expect(await gapAt(`${epoch}-5${seals[9]}`)).toBe('trimmed');
    for (const position of positions) expect(position).toMatch(/^[A-Za-z0-9]{6}-\d+[A-Za-z0-9]{6}$/);
  });

  it('goes on with a life as long as one of its listeners is left', async () => {
    const first = subscribe();
    const second = backplane.subscribe('a', new Listener());
    const position = publish('1');
    first.close();
    expect(await gapAt(position)).toBeUndefined();
    publish('2');
    expect(listener.entries).toHaveLength(1);
    second.close();
    expect(await gapAt(position)).toBe('foreign');
  });

  it.each([0, 300])(
    'remembers at least as many keys as events are kept (%i), and a hundred, and no more',
    (maxEvents) => {
      subscribe();
      const kept = Math.max(maxEvents, 100);
      const again = (n: number) => publish(`${n}`, settings(maxEvents, `k${n}`));
      const positions = Array.from({ length: kept }, (_, n) => again(n));
      expect(positions.map((_, n) => again(n))).toEqual(positions);
      again(kept);
      expect(again(0)).not.toBe(positions[0]);
      expect(again(kept - 1)).toBe(positions[kept - 1]);
      expect(listener.entries).toHaveLength(kept + 2);
    },
  );

  it('forgets the keys of a life that is over', () => {
    subscribe();
    const first = publish('1', settings(10, 'k'));
    mark('start');
    expect(publish('1', settings(10, 'k'))).not.toBe(first);
    expect(listener.entries).toHaveLength(3);
  });
});
