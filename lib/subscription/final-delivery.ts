import type { ReadLimit, ChannelCursor } from '../replay/channel-cursor.js';
import type { StoreHeads } from '../replay/store-heads.js';

/**
 * How long events that were published before an end may take to reach the client, in milliseconds. It is as long as the
 * grace period of a shutdown.
 */
const DELIVER_WITHIN_MS = 5_000;

/** How long the search for these events may take, in milliseconds. After that, the events that this node knows count. */
const FIND_WITHIN_MS = 4_000;

/**
 * The last part of a connection that is about to end: it still delivers what was published before. It is made when the end
 * begins.
 *
 * @internal
 */
export class FinalDelivery {
  /** The last event is not known yet. Nothing is sent meanwhile. */
  isHeld = true;
  private readonly begunAt = performance.now();
  private settle: ((isWhole: boolean) => void) | undefined;

  /** Finds the last event of each channel. @returns a promise if the store must be asked */
  find(cursors: readonly ChannelCursor[], heads: StoreHeads): readonly ReadLimit[] | Promise<readonly ReadLimit[]> {
    const deadline = this.begunAt + FIND_WITHIN_MS;
    const limits = cursors.map(({ channel }) => heads.of(channel, deadline));
    const known = limits.filter((limit): limit is ReadLimit => !(limit instanceof Promise));
    return known.length === limits.length ? known : Promise.all(limits.map((limit) => Promise.resolve(limit)));
  }

  /** Sets the last event of each channel. Nothing behind it is sent. */
  limit(cursors: readonly ChannelCursor[], limits: readonly ReadLimit[]): void {
    cursors.forEach((cursor, index) => (cursor.limit = limits[index]));
    this.isHeld = false;
  }

  /** @returns whether the client has everything: `false` when the time is over */
  wait(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), this.begunAt + DELIVER_WITHIN_MS - performance.now()).unref();
      this.settle = (isWhole) => {
        clearTimeout(timer);
        resolve(isWhole);
      };
    });
  }

  /** The client has everything, or will get nothing more. */
  done(): void {
    this.settle?.(true);
  }
}
