import type { ReadLimit, ChannelCursor } from '../replay/channel-cursor.js';
import type { StoreHeads } from '../replay/store-heads.js';

/**
 * How long what was published before an end may take to reach the client, in milliseconds: as long as the grace of a
 * shutdown.
 */
const DELIVER_WITHIN_MS = 5_000;

/** How long it may take to find out what that is, in milliseconds: after that, what this node knows is all there is. */
const FIND_WITHIN_MS = 4_000;

/**
 * A connection that is about to end, and has yet to hand over what was published before. It exists from then on only.
 *
 * @internal
 */
export class FinalDelivery {
  /** It is not known yet where that end is: nothing is sent. */
  isHeld = true;
  private readonly begunAt = performance.now();
  private settle: ((isWhole: boolean) => void) | undefined;

  /** Finds where the end is in each channel. @returns a promise if the store must be asked */
  find(cursors: readonly ChannelCursor[], heads: StoreHeads): readonly ReadLimit[] | Promise<readonly ReadLimit[]> {
    const deadline = this.begunAt + FIND_WITHIN_MS;
    const limits = cursors.map(({ channel }) => heads.of(channel, deadline));
    const known = limits.filter((limit): limit is ReadLimit => !(limit instanceof Promise));
    return known.length === limits.length ? known : Promise.all(limits.map((limit) => Promise.resolve(limit)));
  }

  /** From now on it is known: what is sent ends there. */
  limit(cursors: readonly ChannelCursor[], limits: readonly ReadLimit[]): void {
    cursors.forEach((cursor, index) => (cursor.limit = limits[index]));
    this.isHeld = false;
  }

  /** @returns whether the client has everything: `false` when the time is over */
  wait(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), this.begunAt + DELIVER_WITHIN_MS - performance.now());
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
