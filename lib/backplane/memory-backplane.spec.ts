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
    const epoch = listener.head!.split('-')[0]!;
    const reasons = {
      [`${epoch}-3`]: undefined,
      [`${epoch}-2`]: 'trimmed',
      [`${epoch}-0`]: 'trimmed',
      [`${epoch}-4`]: 'future',
      [`${epoch}-9007199254740991`]: 'future',
      '000000000000-3': 'foreign',
      [`${epoch}-03`]: 'malformed',
      [`${epoch.toUpperCase()}x-3`]: 'malformed',
      [`${epoch}-3-3`]: 'malformed',
      [`${epoch}--3`]: 'malformed',
      [`${epoch}-3\n`]: 'malformed',
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
    const position = publish('1');
    expect(await gapAt(position)).toBe('foreign');
    subscribe().close();
    expect((backplane as unknown as { lives: Map<string, unknown> }).lives.size).toBe(0);
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
