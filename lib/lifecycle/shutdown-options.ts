import {
  functionOption,
  integerOption,
  invalidOption,
  knownOptions,
  MAX_TIMER_MS,
  type OptionNames,
} from '../protocol/check-option.js';
import type { SseEventLike } from '../protocol/sse-event-like.js';

/** How the streams end when the application closes. */
export interface SseShutdownOptions {
  /**
   * How long, in milliseconds, handlers with `@SseSignal()` may take to end by themselves, and slow clients to read what waits
   * for them. Connections that are left then are cut off.
   *
   * @default 5_000
   */
  readonly gracePeriodMs: number;
  /**
   * Each client is told to come back after a random time between these two, in milliseconds, so that they do not all come back at
   * once. `false`: nothing is said, and browsers come back after about 3 s, all at once.
   *
   * @default { min: 1_000, max: 10_000 } if NODE_ENV is 'production', else { min: 100, max: 500 }: a developer who waits for
   * `nest start --watch` is one client
   */
  readonly retryMs: { readonly min: number; readonly max: number } | false;
  /**
   * Milliseconds that productions have to end by themselves. Their readers leave at once, and find them on another node; without a
   * backplane that keeps events there is no such place, and they are ended at once. What is left then fails.
   *
   * @default that of `gracePeriodMs`
   */
  readonly productionsMs: number;
  /** A last event for every client. @default none */
  readonly farewell: (() => SseEventLike) | undefined;
}

const SHUTDOWN_OPTION_NAMES: OptionNames<SseShutdownOptions> = {
  gracePeriodMs: true,
  retryMs: true,
  productionsMs: true,
  farewell: true,
};

const GRACE_PERIOD_MS = 5_000;
const RETRY_MS = Object.freeze({ min: 1_000, max: 10_000 });
const RETRY_MS_OF_DEVELOPERS = Object.freeze({ min: 100, max: 500 });

/**
 * @param isProduction whether the clients that come back are many
 * @throws {SseError} `SSE_INVALID_OPTION`
 * @internal
 */
export function resolveShutdownOptions(
  options: Partial<SseShutdownOptions>,
  isProduction = process.env.NODE_ENV === 'production',
): SseShutdownOptions {
  // Not by spreading: an option that is there and undefined is one that is left out.
  const {
    gracePeriodMs = GRACE_PERIOD_MS,
    retryMs = isProduction ? RETRY_MS : RETRY_MS_OF_DEVELOPERS,
    productionsMs = gracePeriodMs,
    farewell,
  } = knownOptions('shutdown', options, SHUTDOWN_OPTION_NAMES);
  return Object.freeze({
    gracePeriodMs: integerOption('shutdown.gracePeriodMs', gracePeriodMs, 0, MAX_TIMER_MS),
    productionsMs: integerOption('shutdown.productionsMs', productionsMs, 0, MAX_TIMER_MS),
    retryMs: retryMs === false ? false : checkRange(retryMs),
    farewell: farewell === undefined ? undefined : functionOption('shutdown.farewell', farewell),
  });
}

function checkRange(range: { readonly min: number; readonly max: number }): { min: number; max: number } {
  if (typeof range !== 'object' || range === null) {
    throw invalidOption('shutdown.retryMs', range, '{ min, max } in milliseconds, or false');
  }
  knownOptions('shutdown.retryMs', range, { min: true, max: true });
  const min = integerOption('shutdown.retryMs.min', range.min, 0, MAX_TIMER_MS);
  return Object.freeze({ min, max: integerOption('shutdown.retryMs.max', range.max, min, MAX_TIMER_MS) });
}
