/** Between two tries, in milliseconds: clients wait. */
const FIRST_MS = 50;
const LAST_MS = 1_000;

/**
 * How long to wait before what failed so many times is tried again, in milliseconds: doubled each time. Whoever is not
 * alone adds something at random.
 *
 * @internal
 */
export function retryDelay(failures: number): number {
  return Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(failures, 10));
}
