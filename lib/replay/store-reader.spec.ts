import type { SseBackplane, SseBackplanePage } from '../backplane/backplane.js';
import { SseError } from '../protocol/sse-error.js';
import { BackplaneState } from './backplane-state.js';
import { StoreReader } from './store-reader.js';

const away = () => new SseError('SSE_BACKPLANE_UNAVAILABLE', 'away');

/** A store that is away until it is told otherwise. */
class Store {
  isAway = true;
  asked = 0;
  running = 0;
  most = 0;
  failure: Error | undefined;

  async read(): Promise<SseBackplanePage> {
    this.asked++;
    this.most = Math.max(this.most, ++this.running);
    await new Promise((resolve) => setImmediate(resolve));
    this.running--;
    if (this.failure) throw this.failure;
    if (this.isAway) throw away();
    return { entries: [] };
  }
}

describe('reading for streams', () => {
  let store: Store;
  let reader: StoreReader;
  let states: boolean[];
  const read = (who = { isStopped: false }) => reader.read(who, 'orders', undefined, 10);

  beforeEach(() => {
    store = new Store();
    states = [];
    const observer = { backplaneChanged: (isUp: boolean) => void states.push(isUp) };
    const backplane = store as unknown as SseBackplane;
    reader = new StoreReader(backplane, new BackplaneState(backplane, observer));
  });
  afterEach(() => reader.close());

  it('waits while the store is away, and gets what there is when it is back', async () => {
    const page = read();
    while (store.asked < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    store.isAway = false;
    expect(await page).toEqual({ entries: [] });
    // Once each, however often it was asked in vain.
    expect(states).toEqual([false, true]);
  });

  it('lets one ask for all, and not all at once when the store is back', async () => {
    const first = read();
    while (store.asked < 1 || store.running > 0) await new Promise((resolve) => setImmediate(resolve));
    const others = Array.from({ length: 1_000 }, () => read());
    while (store.asked < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(store.asked).toBeLessThan(10);
    store.isAway = false;
    expect(await Promise.all([first, ...others])).toHaveLength(1_001);
    expect(store.most).toBeLessThan(600);
  });

  it('lets go of who has left, and of its timer with the last', async () => {
    const [one, two, three] = [{ isStopped: false }, { isStopped: false }, { isStopped: false }];
    const pages = [read(one), read(two)];
    while (store.asked < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    while (store.running > 0) await new Promise((resolve) => setImmediate(resolve));
    reader.leave(one);
    reader.leave(two);
    // This one is stopped while it asks, and must not begin to wait.
    pages.push(read(three));
    three.isStopped = true;
    reader.leave(three);
    expect(await Promise.all(pages)).toEqual([undefined, undefined, undefined]);
    expect(reader).toMatchObject({ timer: undefined, waiting: new Map() });
  });

  it('answers one that asks for several channels at once', async () => {
    const who = { isStopped: false };
    const pages = [read(who), read(who)];
    while (store.asked < 2 || store.running > 0) await new Promise((resolve) => setImmediate(resolve));
    store.isAway = false;
    expect(await Promise.all(pages)).toEqual([{ entries: [] }, { entries: [] }]);
  }, 10_000);

  it('passes any other failure on, and lets the next one ask', async () => {
    const first = read();
    while (store.asked < 1 || store.running > 0) await new Promise((resolve) => setImmediate(resolve));
    const second = read();
    store.failure = new Error('broken');
    await expect(first).rejects.toThrow('broken');
    await expect(second).rejects.toThrow('broken');
  });
});
