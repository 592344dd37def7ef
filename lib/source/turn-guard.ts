import { setImmediate } from '../protocol/event-loop.js';

/**
 * How long one source may run without letting the event loop turn, in milliseconds.
 *
 * Promises that settle at once and synchronous iterators never leave the microtask queue, so without this a fast source
 * in front of a fast client stops every timer and every other request. A turn costs the source about 50 µs, so once in
 * 5 ms is 1 %, and the other requests wait no longer than for a small JSON response to be made.
 */
const SLICE_MS = 5;

/** How many values go by between two looks at the clock: a look costs 40 ns, a value of an async generator 150 ns. */
const VALUES_PER_LOOK = 32;

/**
 * Makes a fast source let the event loop turn now and then.
 *
 * @internal
 */
export class TurnGuard {
  private values = 0;
  private turnedAt = performance.now();

  /** To be asked after each value. @returns what to wait for before the next one, if anything */
  pause(): Promise<void> | undefined {
    this.values += 1;
    if (this.values % VALUES_PER_LOOK !== 0 || performance.now() - this.turnedAt <= SLICE_MS) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.turnedAt = performance.now();
        resolve();
      });
    });
  }
}
