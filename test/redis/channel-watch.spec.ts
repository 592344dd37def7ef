import { ChannelWatch } from '../../lib/redis/channel-watch.js';
import type { Range, StreamStore } from '../../lib/redis/stream-store.js';
import { BackplaneLog } from '../support/backplane-log.js';

const entry = (position: string, previous: string, data = position) => ({
  position,
  previous,
  from: undefined,
  life: '1-0',
  event: { kind: 'event' as const, data },
});

const found = (...entries: Range['entries']): Range => ({ entries, gap: undefined, beyond: [], head: undefined });

/** A store that answers what it is told to, when it is told to. */
class ScriptedStore {
  readonly asked: ((range: Range) => void)[] = [];
  turns = 0;

  settled: () => Promise<void> = () => Promise.resolve();
  readonly break = () => Promise.resolve(false);
  readonly look = () => Promise.resolve({ head: '1-0', isEnded: false, isBare: false });
  readonly follow = () => new Promise<Range>((resolve) => this.asked.push(resolve));

  watch(): ChannelWatch {
    const inTurn = async (work: () => Promise<void>): Promise<void> => {
      // What goes wrong here would never let go of the turn: no timer would end the spec.
      if (++this.turns > 100) throw new Error('it asks for ever');
      await work();
    };
    return new ChannelWatch('orders', this as unknown as StreamStore, inTurn, () => this.settled());
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('what follows a channel', () => {
  // It asked itself again and again without an await between: a node whose last client of a channel left just as the
  // channel was read after a reconnect used a whole core, and answered nobody.
  it('does nothing any more when it is closed while it reads and is to read again', async () => {
    const store = new ScriptedStore();
    const watch = store.watch();
    watch.subscribed();
    await turn();
    watch.subscribed();
    await turn();
    expect(store.asked).toHaveLength(1);
    watch.subscribed();
    watch.close();
    store.asked[0]!(found());
    await turn();
    expect(store.turns).toBe(2);
    expect(watch.isBusy).toBe(false);
  });

  // Told from where the entry said it stood, it read the same again and told it again, without end.
  it('gets further past an entry that says it comes after a very old one', async () => {
    const store = new ScriptedStore();
    const watch = store.watch();
    const log = new BackplaneLog();
    watch.listen(log);
    watch.subscribed();
    await turn();
    watch.subscribed();
    await turn();
    const strange = entry('5-0', '0-1');
    store.asked[0]!({ entries: [], gap: 'trimmed', beyond: [strange], head: undefined });
    await turn();
    // Nobody is led back to where it says it stands.
    expect(log.data).toEqual([]);
    expect(log.gaps).toMatchObject([{ reason: 'store_lost', head: '5-0' }]);
    store.asked[1]!(found());
    await turn();
    expect(watch.isBusy).toBe(false);
  });

  // The answer of the store overtook a notification: a channel that keeps nothing was told a gap without a loss.
  it('waits for what is on its way before it says that something is lost', async () => {
    const store = new ScriptedStore();
    const watch = store.watch();
    const log = new BackplaneLog();
    watch.listen(log);
    watch.subscribed();
    await turn();
    watch.subscribed();
    await turn();
    store.settled = () => {
      watch.message('2-0 1-0 - E\nlate');
      return Promise.resolve();
    };
    store.asked[0]!({ entries: [], gap: 'trimmed', beyond: [], head: { head: '2-0', isEnded: false, isBare: false } });
    await turn();
    expect(log.data).toEqual(['late']);
    expect(log.gaps).toEqual([]);
    watch.close();
  });

  it('is not led back by a notification', async () => {
    const store = new ScriptedStore();
    const watch = store.watch();
    const log = new BackplaneLog();
    watch.listen(log);
    watch.subscribed();
    await turn();
    watch.message('0-5 1-0 - E\nback');
    await turn();
    expect(log.data).toEqual([]);
    watch.close();
  });
});
