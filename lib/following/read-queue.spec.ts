import { ReadQueue } from './read-queue.js';
import { storeUnavailable } from './store-error.js';

describe('the queue of reads', () => {
  const refuse = (what: string) => storeUnavailable('The store', what, 'not sent');
  const never = () => new Promise<never>(() => undefined);

  it('lets some of a server run at once, the rest in order, and other servers in between', async () => {
    const queue = new ReadQueue(60_000, refuse);
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const reads = Array.from({ length: 10 }, (_, i) =>
      queue.run('a', () => {
        begun.push(i);
        return new Promise<void>((resolve) => ends.push(resolve));
      }),
    );
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(queue.waiting).toBe(2);
    expect(await queue.run('b', () => Promise.resolve('b'))).toBe('b');
    ends[3]!();
    await reads[3];
    await reads[3];
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (let at = 0; at < 10; at++) {
      ends[at]!();
      await reads[at];
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(queue.waiting).toBe(0);
  });

  it('refuses one whose turn does not come in time, and one too many, and says that nothing was sent', async () => {
    const queue = new ReadQueue(20, refuse);
    for (let i = 0; i < 8; i++) void queue.run('a', never);
    const refused = { code: 'SSE_BACKPLANE_UNAVAILABLE', message: expect.stringMatching(/not sent/) as string };
    const waiting = Array.from({ length: 10_000 }, () => queue.run('a', never));
    for (const read of waiting) read.catch(() => undefined);
    await expect(queue.run('a', never)).rejects.toMatchObject(refused);
    await expect(waiting[0]).rejects.toMatchObject(refused);
    await Promise.allSettled(waiting);
    expect(queue.waiting).toBe(0);
  });
});
