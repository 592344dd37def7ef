import { BackplaneLog } from '../../test/support/backplane-log.js';
import { ChannelFollowers } from './channel-followers.js';
import type { ChannelNotifications } from './notifications.js';

/** A store with empty channels, which may be away: then it refuses at once. */
class ScriptedStore {
  isAway = true;
  looks = 0;
  readonly listeners: ChannelNotifications[] = [];

  readonly order = { isPosition: () => true, timeOf: Number, compare: (a: string, b: string) => Number(a) - Number(b) };
  look() {
    this.looks++;
    if (this.isAway) return Promise.reject(new Error('away'));
    return Promise.resolve({ head: '1', isEnded: false, isBare: true });
  }
  readonly from = () => Promise.resolve({ entries: [], head: undefined });
  readonly oldest = this.from;
  readonly break = () => Promise.resolve(false);
  readonly isUnreadable = () => false;
  readonly stirred = () => Promise.resolve([]);
  readonly groupOf = () => '';
  readonly serverOf = () => '';
  readonly unlisten = () => undefined;
  readonly settled = () => Promise.resolve();
  listen(_channel: string, listener: ChannelNotifications) {
    this.listeners.push(listener);
  }
}

describe('the followers of channels', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  // It waited only after a success: while Redis answered with an error, a node asked it again and again without a pause.
  it('ask now and then while the store is away, one for all, and all of them when it is back', async () => {
    const store = new ScriptedStore();
    const followers = new ChannelFollowers(store, store, { checkIntervalMs: 1_000_000, idleTtlMs: 1_000_000 });
    const logs = Array.from({ length: 100 }, () => new BackplaneLog());
    for (const [i, log] of logs.entries()) followers.listen(`${i}`, log);
    for (const listener of store.listeners) listener.subscribed();
    await jest.advanceTimersByTimeAsync(100);
    store.looks = 0;
    await jest.advanceTimersByTimeAsync(3_000);
    expect(store.looks).toBe(10);
    expect(followers.behind).toBe(100);
    store.isAway = false;
    await jest.advanceTimersByTimeAsync(300);
    expect(logs.filter(({ start }) => start)).toHaveLength(100);
    expect(followers.behind).toBe(0);
    followers.close();
  });
});
