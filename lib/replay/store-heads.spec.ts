import type { SseBackplane } from '../backplane/backplane.js';
import type { Channel } from '../channel/channel.js';
import { StoreHeads } from './store-heads.js';

describe('the heads of channels in a store', () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const channel = { name: 'a', log: { head: 'one', next: 1 } } as unknown as Channel;

  // A connection that was cut left a timer of four seconds, and the process stayed for it.
  it('are asked for without a timer that keeps the process, also when the store never answers', async () => {
    let asked = 0;
    const backplane = { retains: true, read: () => new Promise(() => void asked++) } as unknown as SseBackplane;
    const before = timers();
    const limit = new StoreHeads(backplane).of(channel, performance.now() + 50);
    expect(asked).toBe(1);
    expect(timers()).toBe(before);
    const wait = setInterval(() => undefined, 1_000);
    // Nobody knows.
    expect(await limit).toBeUndefined();
    clearInterval(wait);
  });

  // A server that is being replaced refuses for a moment. What it would have said counted as nothing.
  it('are asked for again when the store refuses', async () => {
    let asked = 0;
    const read = () => (asked++ === 0 ? Promise.reject(new Error('LOADING')) : Promise.resolve({ entries: [] }));
    const reached = { ...channel, log: { ...channel.log, cursorAfter: () => 1 } } as unknown as Channel;
    const backplane = { retains: true, read } as unknown as SseBackplane;
    const wait = setInterval(() => undefined, 1_000);
    expect(await new StoreHeads(backplane).of(reached, performance.now() + 60_000)).toEqual({
      number: 1,
      position: 'one',
    });
    clearInterval(wait);
    expect(asked).toBe(2);
  });
});
