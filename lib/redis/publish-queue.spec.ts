import { ChannelKeys } from './channel-keys.js';
import type { PublishRequest } from './publish-call.js';
import { PublishQueue } from './publish-queue.js';
import type { ScriptRunner } from './script-runner.js';

/** Answers each event with its text. */
class Scripts {
  readonly calls: { keys: readonly string[]; events: string[] }[] = [];
  answer: (event: string) => unknown = (event) => event;
  laneOf = (stream: string): string => (stream.startsWith('slot') ? stream : '');
  run = (_: unknown, keys: readonly string[], args: readonly string[]): Promise<unknown> => {
    const events: string[] = [];
    for (let at = 0; at < args.length;) {
      const count = Number(args[at + 8]);
      at += 9;
      for (let n = 0; n < count; n++, at += 3) events.push(args[at]!);
    }
    this.calls.push({ keys, events });
    return Promise.resolve(events.map(this.answer));
  };
}

describe('PublishQueue', () => {
  let scripts: Scripts;
  let queue: PublishQueue;
  beforeEach(() => {
    scripts = new Scripts();
    queue = new PublishQueue(scripts as unknown as ScriptRunner, new ChannelKeys('sse:'), 5_000);
  });
  const request = (event: string, stream = 'a'): PublishRequest => ({
    stream,
    event,
    random: '0'.repeat(18),
    known: '',
    keep: [10, 1_000, 0, 0],
  });
  const add = (event: string, stream?: string) => queue.add(request(event, stream));
  const tick = () => new Promise((resolve) => process.nextTick(resolve));
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);

  it('sends a single publish in the tick of its call', async () => {
    const added = add('one');
    await tick();
    expect(scripts.calls.map(({ events }) => events)).toEqual([['one']]);
    expect(await added).toBe('one');
    expect(queue.pending).toBe(0);
  });

  it('sends what is published in one go in one call, each channel in its order, and answers each with its own', async () => {
    const names = numbers(200);
    const added = names.map((event, n) => add(event, `c${n % 3}`));
    expect(await Promise.all(added)).toEqual(names);
    expect(scripts.calls.map(({ keys }) => keys)).toEqual([['c0', 'c1', 'c2']]);
    for (const part of [0, 1, 2]) {
      const of = names.filter((_, n) => n % 3 === part);
      expect(scripts.calls[0]!.events.filter((event) => Number(event) % 3 === part)).toEqual(of);
    }
  });

  it('sends what other callbacks of the same turn publish in one call more', async () => {
    await new Promise<void>((resolve) => {
      let left = 5;
      // Callbacks of one turn of the event loop, each with a tick of its own.
      for (const event of numbers(5)) setTimeout(() => void (add(event), --left === 0 && setImmediate(resolve)), 1);
    });
    await tick();
    expect(scripts.calls.flatMap(({ events }) => events)).toEqual(numbers(5));
    expect(scripts.calls.length).toBeLessThan(5);
  });

  it('splits what would keep the server busy for long, by count and by size', async () => {
    await Promise.all(numbers(1_000).map((event) => add(event)));
    expect(scripts.calls.map(({ events }) => events.length)).toEqual([256, 256, 256, 232]);
    scripts.calls.length = 0;
    const large = 'x'.repeat(100_000);
    await Promise.all([large, large, large, 'x'.repeat(1_000_000), 'small'].map((event) => add(event)));
    expect(scripts.calls.map(({ events }) => events.length)).toEqual([2, 1, 1, 1]);
  });

  it('makes a call for each channel in a cluster', async () => {
    await Promise.all([add('1', 'slot1'), add('2', 'slot2'), add('3', 'slot1')]);
    expect(scripts.calls).toEqual([
      { keys: ['slot1'], events: ['1', '3'] },
      { keys: ['slot2'], events: ['2'] },
    ]);
  });

  it('rejects those that were refused, and no others', async () => {
    scripts.answer = (event) =>
      event === '2' ? '!WRONGTYPE of another' : event === '3' ? '!STORED 3 no right' : event;
    const outcomes = await Promise.allSettled(numbers(5).map((event) => add(event)));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    const messages = outcomes.map((outcome) => (outcome as { reason?: Error }).reason?.message);
    expect(messages[2]).toMatch(/WRONGTYPE.*nothing was stored/);
    expect(messages[3]).toMatch(/It was stored/);
  });

  it('rejects all when the call fails, and one more than may wait', async () => {
    scripts.run = () => Promise.reject(new Error('no answer'));
    const outcomes = await Promise.allSettled([add('1'), add('2')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(queue.pending).toBe(0);
    const added = numbers(5_000).map((event) => add(event).catch(String));
    await expect(add('one more')).rejects.toThrow(/maxPending.*nothing was stored/);
    await Promise.all(added);
  });
});
