import type { Limit, Place } from '../replay/channel-cursor.js';
import type { StoreHead } from '../replay/store-heads.js';

/**
 * How long what was published before an end may take to reach the client, in milliseconds: as long as the grace of a
 * shutdown.
 */
const DELIVER_WITHIN_MS = 5_000;

/**
 * A connection that is about to end, and has yet to hand over what was published before. It exists from then on only.
 *
 * @internal
 */
export class Delivery {
  /** It is not known yet where that end is: nothing is sent. */
  isHeld = true;
  private readonly deadline = performance.now() + DELIVER_WITHIN_MS;
  private settle: (() => void) | undefined;

  /** Finds where the end is in each channel. @returns a promise if the store must be asked */
  find(places: readonly Place[], heads: StoreHead): readonly Limit[] | Promise<readonly Limit[]> {
    const limits = places.map(({ channel }) => heads.of(channel, this.deadline));
    const known = limits.filter((limit): limit is Limit => !(limit instanceof Promise));
    return known.length === limits.length ? known : Promise.all(limits.map((limit) => Promise.resolve(limit)));
  }

  /** From now on it is known: what is sent ends there. */
  limit(places: readonly Place[], limits: readonly Limit[]): void {
    places.forEach((place, index) => (place.limit = limits[index]));
    this.isHeld = false;
  }

  /** @returns when the client has everything, or the time is over */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.deadline - performance.now());
      this.settle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** The client has everything, or will get nothing more. */
  done(): void {
    this.settle?.();
  }
}
