import type { CatchUp } from './catch-up.js';
import type { ChannelWatcher } from '../channel/channel.js';
import type { ChannelCursor } from '../replay/channel-cursor.js';

/** A channel that will be added or removed as soon as nothing is being written. */
type Change =
  | { readonly kind: 'join'; readonly cursor: ChannelCursor; readonly done: () => void }
  | { readonly kind: 'leave'; readonly name: string; readonly done: () => void };

/**
 * The channels that will be added to one open subscription or removed from it, in the order of the calls. It is made for the
 * first change.
 *
 * @internal
 */
export class ChannelChanges {
  private waiting: Change[] = [];

  constructor(
    private readonly watcher: ChannelWatcher,
    private readonly catchUp: CatchUp,
  ) {}

  get size(): number {
    return this.waiting.length;
  }

  isComing(name: string): boolean {
    return this.waiting.some((change) => change.kind === 'join' && change.cursor.channel.name === name);
  }

  isGoing(name: string): boolean {
    return this.waiting.some((change) => change.kind === 'leave' && change.name === name);
  }

  /** @param done called when the client is told of it, or will be told nothing more */
  join(cursor: ChannelCursor, done: () => void): void {
    cursor.channel.watch(this.watcher);
    this.waiting.push({ kind: 'join', cursor, done });
  }

  /** @param done called when the client is told of it, or will be told nothing more */
  leave(name: string, done: () => void): void {
    this.waiting.push({ kind: 'leave', name, done });
  }

  /**
   * Makes the changes that are possible now. A channel joins when the backplane has said where it stands. When the store must
   * be asked, channels join one at a time.
   *
   * @param hasBegun whether the client has been told its position. If not, it will be told of all channels together
   * @returns a promise that must resolve before anything is sent, if there is one
   */
  make(hasBegun: boolean): Promise<void> | undefined {
    const { catchUp, watcher } = this;
    const changes = this.waiting;
    let pending: Promise<void> | undefined;
    this.waiting = [];
    for (const change of changes) {
      if (change.kind === 'leave') {
        this.takeAway(change.name);
        change.done();
        continue;
      }
      const { cursor, done } = change;
      // The subscription may have left the same channel a moment ago, and with it stopped watching.
      cursor.channel.watch(watcher);
      if (!hasBegun) {
        catchUp.cursors = [...catchUp.cursors, cursor];
        done();
      } else if (!cursor.channel.isReady || pending) {
        this.waiting.push(change);
      } else {
        pending = catchUp.add(cursor);
        if (pending) void pending.then(done, done);
        else done();
      }
    }
    catchUp.output.use(catchUp.cursors);
    if (hasBegun && !pending && this.waiting.length < changes.length) catchUp.tellPosition();
    return pending;
  }

  /** The subscription is over. */
  drop(): void {
    for (const change of this.waiting.splice(0)) {
      if (change.kind === 'join') change.cursor.channel.unwatch(this.watcher);
      change.done();
    }
  }

  private takeAway(name: string): void {
    // A change that has not joined yet is cancelled.
    this.waiting = this.waiting.filter((change) => {
      if (change.kind === 'leave' || change.cursor.channel.name !== name) return true;
      change.cursor.channel.unwatch(this.watcher);
      change.done();
      return false;
    });
    const { catchUp } = this;
    for (const cursor of catchUp.cursors) {
      if (cursor.channel.name !== name) continue;
      cursor.channel.letGo(cursor);
      cursor.channel.unwatch(this.watcher);
    }
    catchUp.cursors = catchUp.cursors.filter(({ channel }) => channel.name !== name);
  }
}
