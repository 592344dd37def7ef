import { delay } from './delay.js';
import { retryDelay } from '../protocol/retry-delay.js';
import { isUnavailable } from '../backplane/is-unavailable.js';

/**
 * Tries again while the store is away.
 *
 * @param deadline on the clock of `performance.now()`
 * @param hurry when aborted, nothing is tried again
 * @throws what the last try failed with; at once what is not `SSE_BACKPLANE_UNAVAILABLE`
 * @internal
 */
export async function retryWhileUnavailable<Result>(
  work: () => Promise<Result>,
  deadline: number,
  hurry: AbortSignal,
): Promise<Result> {
  for (let failures = 0; ; failures++) {
    const waitMs = retryDelay(failures);
    try {
      return await work();
    } catch (error) {
      if (!isUnavailable(error) || performance.now() + waitMs > deadline) throw error;
      // Whoever is in a hurry does not wait for a store that is away.
      await delay(waitMs, { signal: hurry, ref: false });
      if (hurry.aborted) throw error;
    }
  }
}
