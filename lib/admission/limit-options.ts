import type { SseRequest } from '../connection/sse-connection.js';
import {
  functionOption,
  integerOption,
  invalidOption,
  knownOptions,
  MAX_TIMER_MS,
  type OptionNames,
} from '../protocol/check-option.js';

/** How many streams one user, address or tenant may have on a node. */
export interface SseKeyLimit {
  /**
   * Whose stream it is, by the request as the platform hands it to handlers. Asked before guards, and as long as it says `null` also
   * after guards and after the handler: an address is known at once, a user when a guard has found it. `null` at the end is not
   * limited. What it throws is answered by the exception filters.
   */
  key: (request: SseRequest) => string | null | undefined;
  /** How many streams of one key may be open. */
  max: number;
  /** `true`: one stream more ends the oldest one of its key, instead of being refused. @default false */
  evict?: boolean;
}

/**
 * What one node takes. A limit that is left out does not exist. See docs/SECURITY.md.
 *
 * @publicApi
 */
export interface SseLimits {
  /** Streams that are open or opening. */
  maxConnections?: number;
  perKey?: SseKeyLimit;
  /** Streams of one HTTP/2 session. Those of HTTP/1.1 are not limited by it. */
  maxStreamsPerSession?: number;
  /** Bytes that wait for all clients together, in this process and its sockets. Beyond it no stream is opened. */
  maxBufferedBytes?: number;
  /** Openings in a second. As many may come at once after a second without any. */
  openingsPerSecond?: number;
  /**
   * What who is refused gets. `'retry'`: 200 and a stream that says `retry:` and ends, which brings a browser's `EventSource` back.
   * 429 or 503: that status and `Retry-After`, for other clients; an `EventSource` gives up.
   *
   * @default 'retry'
   */
  refuseWith?: 'retry' | 429 | 503;
  /** Who is refused is told to come back after a random time between these two, in milliseconds. @default 30_000 to 120_000 */
  retryMs?: { readonly min: number; readonly max: number };
}

/** @internal */
export interface LimitOptions extends SseLimits {
  readonly refuseWith: 'retry' | 429 | 503;
  readonly retryMs: { readonly min: number; readonly max: number };
}

const NAMES: OptionNames<SseLimits> = {
  maxConnections: true,
  perKey: true,
  maxStreamsPerSession: true,
  maxBufferedBytes: true,
  openingsPerSecond: true,
  refuseWith: true,
  retryMs: true,
};

const KEY_NAMES: OptionNames<SseKeyLimit> = { key: true, max: true, evict: true };

const RETRY_MS = Object.freeze({ min: 30_000, max: 120_000 });

/**
 * @returns nothing when there is no limit
 * @throws {SseError} `SSE_INVALID_OPTION`
 * @internal
 */
export function resolveLimits(limits: SseLimits | undefined): LimitOptions | undefined {
  if (limits === undefined) return undefined;
  const { maxConnections, perKey, maxStreamsPerSession, maxBufferedBytes, openingsPerSecond } = knownOptions(
    'limits',
    limits,
    NAMES,
  );
  const { refuseWith = 'retry', retryMs = RETRY_MS } = limits;
  const all = [maxConnections, perKey, maxStreamsPerSession, maxBufferedBytes, openingsPerSecond];
  if (all.every((limit) => limit === undefined)) return undefined;
  if (refuseWith !== 'retry' && refuseWith !== 429 && refuseWith !== 503) {
    throw invalidOption('limits.refuseWith', refuseWith, '"retry", 429 or 503');
  }
  knownOptions('limits.retryMs', retryMs, { min: true, max: true });
  const min = integerOption('limits.retryMs.min', retryMs.min, 0, MAX_TIMER_MS);
  const max = integerOption('limits.retryMs.max', retryMs.max, min, MAX_TIMER_MS);
  return Object.freeze({
    maxConnections: countOf('maxConnections', maxConnections),
    perKey: perKey === undefined ? undefined : resolveKey(perKey),
    maxStreamsPerSession: countOf('maxStreamsPerSession', maxStreamsPerSession),
    maxBufferedBytes: countOf('maxBufferedBytes', maxBufferedBytes),
    openingsPerSecond: countOf('openingsPerSecond', openingsPerSecond),
    refuseWith,
    retryMs: Object.freeze({ min, max }),
  });
}

function countOf(name: string, value: number | undefined): number | undefined {
  return value === undefined ? undefined : integerOption(`limits.${name}`, value, 1);
}

function resolveKey(perKey: SseKeyLimit): SseKeyLimit {
  const { key, max, evict = false } = knownOptions('limits.perKey', perKey, KEY_NAMES);
  if (typeof evict !== 'boolean') throw invalidOption('limits.perKey.evict', evict, 'true or false');
  return Object.freeze({
    key: functionOption('limits.perKey.key', key),
    max: integerOption('limits.perKey.max', max, 1),
    evict,
  });
}
