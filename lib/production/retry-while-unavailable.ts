import { delay } from './delay.js';
import { retryDelay } from '../protocol/retry-delay.js';
import { SseError } from '../protocol/sse-error.js';

/**
 * Tries again while the store is away.
 *
 * @param deadline on the clock of `performance.now()`
 * @param hurry when aborted, the try that is going on is the last one
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
      const isAway = error instanceof SseError && error.code === 'SSE_BACKPLANE_UNAVAILABLE';
      if (!isAway || hurry.aborted || performance.now() + waitMs > deadline) throw error;
    }
    // Whoever is in a hurry tries once more, at once.
    await delay(waitMs, { signal: hurry, ref: false });
  }
}
