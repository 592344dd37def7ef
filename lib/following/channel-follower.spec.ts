import { BackplaneLog } from '../../test/support/backplane-log.js';
import { ChannelFollower } from './channel-follower.js';
import type { ChannelStore, PositionOrder, StoredEntry, StoredRange } from './channel-store.js';

const entry = (position: string, previous: string, data = position) => ({
  position,
  previous,
  from: undefined,
  life: '1-0',
  event: { kind: 'event' as const, data },
});

const found = (...entries: StoredEntry[]): StoredRange => ({ entries, head: undefined });
const nothingAfter = (head: string): StoredRange => ({ entries: [], head: { head, isEnded: false, isBare: false } });

/** Positions are `<time>-<number>`. */
const timeOf = (position: string) => Number.parseInt(position, 10);
const order: PositionOrder = { isPosition: () => true, timeOf, compare: (a, b) => timeOf(a) - timeOf(b) };

/** A store that answers what it is told to, when it is told to. */
class ScriptedStore implements ChannelStore {
  readonly order = order;
  readonly asked: ((range: StoredRange) => void)[] = [];
  turns = 0;

  settled: () => Promise<void> = () => Promise.resolve();
  readonly break = () => Promise.resolve(false);
  readonly look = () => Promise.resolve({ head: '1-0', isEnded: false, isBare: false });
  readonly from = () => new Promise<StoredRange>((resolve) => this.asked.push(resolve));
  readonly oldest = () => Promise.resolve(found());
  readonly isUnreadable = () => false;

  follow(): ChannelFollower {
    const inTurn = async (work: () => Promise<void>): Promise<void> => {
      // What goes wrong here would never let go of the turn: no timer would end the spec.
      if (++this.turns > 100) throw new Error('it asks for ever');
      await work();
    };
    return new ChannelFollower('orders', this, inTurn, () => this.settled());
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Has it told where the channel stands, and then ask the store what comes next. */
async function readOnce(follower: ChannelFollower): Promise<void> {
  for (let begun = 0; begun < 2; begun++) {
    follower.subscribed();
    await turn();
  }
}

describe('what follows a channel', () => {
  // It asked itself again and again without an await between: a node whose last client of a channel left just as the
  // channel was read after a reconnect used a whole core, and answered nobody.
  it('does nothing any more when it is closed while it reads and is to read again', async () => {
    const store = new ScriptedStore();
    const follower = store.follow();
    await readOnce(follower);
    expect(store.asked).toHaveLength(1);
    follower.subscribed();
    follower.close();
    store.asked[0]!(nothingAfter('1-0'));
    await turn();
    expect(store.turns).toBe(2);
    expect(follower.isBusy).toBe(false);
  });

  // Told from where the entry said it stood, it read the same again and told it again, without end.
  it('gets further past an entry that says it comes after a very old one', async () => {
    const store = new ScriptedStore();
    const follower = store.follow();
    const log = new BackplaneLog();
    follower.listen(log);
    await readOnce(follower);
    const strange = entry('5-0', '0-1');
    store.asked[0]!(found(strange));
    await turn();
    // Nobody is led back to where it says it stands.
    expect(log.data).toEqual([]);
    expect(log.gaps).toMatchObject([{ reason: 'store_lost', head: '5-0' }]);
    store.asked[1]!(nothingAfter('5-0'));
    await turn();
    expect(follower.isBusy).toBe(false);
  });

  // The answer of the store overtook a notification: a channel that keeps nothing was told a gap without a loss.
  it('waits for what is on its way before it says that something is lost', async () => {
    const store = new ScriptedStore();
    const follower = store.follow();
    const log = new BackplaneLog();
    follower.listen(log);
    await readOnce(follower);
    store.settled = () => {
      follower.stored(entry('2-0', '1-0', 'late'));
      return Promise.resolve();
    };
    store.asked[0]!(nothingAfter('2-0'));
    await turn();
    expect(log.data).toEqual(['late']);
    expect(log.gaps).toEqual([]);
    follower.close();
  });

  it('is not led back by a notification', async () => {
    const store = new ScriptedStore();
    const follower = store.follow();
    const log = new BackplaneLog();
    follower.listen(log);
    follower.subscribed();
    await turn();
    follower.stored(entry('0-5', '1-0', 'back'));
    await turn();
    expect(log.data).toEqual([]);
    follower.close();
  });
});
