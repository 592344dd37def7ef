import type { ReadLimit, ChannelCursor } from '../replay/channel-cursor.js';
import { headOf, type StoreHeads } from '../replay/store-heads.js';

/**
 * How long events that were published before an end may take to reach the client, in milliseconds. It is as long as the
 * grace period of a shutdown.
 */
const DELIVER_WITHIN_MS = 5_000;

/** How long the search for these events may take, in milliseconds. */
const FIND_WITHIN_MS = 4_000;

/** Where the end is in each channel; `undefined` where nobody knows. */
export type Limits = readonly (ReadLimit | undefined)[];

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
  /** Whether that is everything, as far as anybody can tell. */
  private isCertain = true;
  private settle: ((isWhole: boolean) => void) | undefined;

  /** Finds the last event of each channel. @returns a promise if the store must be asked */
  find(cursors: readonly ChannelCursor[], heads: StoreHeads): Limits | Promise<Limits> {
    const deadline = this.begunAt + FIND_WITHIN_MS;
    const limits = cursors.map(({ channel }) => heads.of(channel, deadline));
    const known = limits.filter((limit) => !(limit instanceof Promise)) as Limits;
    return known.length === limits.length ? known : Promise.all(limits.map((limit) => Promise.resolve(limit)));
  }

  /** Sets the last event of each channel: where nobody knows, the last one that this node has. Nothing behind it is sent. */
  limit(cursors: readonly ChannelCursor[], limits: Limits): void {
    cursors.forEach((cursor, index) => {
      this.isCertain &&= limits[index] !== undefined;
      cursor.limit = limits[index] ?? headOf(cursor.channel);
    });
    this.isHeld = false;
  }

  /** @returns whether the client has everything: `false` when the time is over, or nobody knows what there is */
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
    this.settle?.(this.isCertain);
  }
}
