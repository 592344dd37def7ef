/** Why a connection ended: a closed set, to switch on in logs, metrics and tests. */
export type SseCloseCode =
  | 'source_completed'
  | 'source_failed'
  | 'client_left'
  | 'server_closing'
  | 'write_timeout'
  | 'slow_client'
  | 'lifetime_over'
  | 'kicked';

/**
 * How a connection ended. It is the `reason` of `@SseSignal()`, what `SseConnection.closed` resolves to and what
 * `SseResponse`'s `onClose` is told.
 *
 * @publicApi
 */
export interface SseCloseReason {
  /** Which of the ways it was. */
  readonly code: SseCloseCode;
  /** The same in words, for people. */
  readonly reason: string;
  /** What was thrown, with `source_failed`. */
  readonly error?: unknown;
}

const WORDS: Record<SseCloseCode, string> = {
  source_completed: 'the source completed',
  source_failed: 'the source failed',
  client_left: 'the client left',
  server_closing: 'the server is closing',
  write_timeout: 'the client took no bytes for writeTimeoutMs',
  slow_client: 'the client was slower than its events, and its buffer was full',
  lifetime_over: 'the connection reached the end of its lifetime',
  kicked: 'the application closed the connection',
};

/**
 * A close reason with its standard words, or with better ones.
 *
 * @internal
 */
export function closeReason(code: SseCloseCode, reason: string = WORDS[code], error?: unknown): SseCloseReason {
  return Object.freeze(error === undefined ? { code, reason } : { code, reason, error });
}

/**
 * Whether it is what feeds the connection that ends it: then there is nothing left that it could deliver.
 *
 * @internal
 */
export function endsByFeed(code: SseCloseCode): boolean {
  return code === 'source_completed' || code === 'source_failed';
}

/**
 * Whether what was still waiting is delivered before the connection ends: not when the peer is gone or has been given up.
 *
 * @internal
 */
export function isGraceful(code: SseCloseCode): boolean {
  switch (code) {
    case 'source_completed':
    case 'source_failed':
    case 'server_closing':
    case 'lifetime_over':
    case 'kicked':
      return true;
    case 'client_left':
    case 'write_timeout':
    case 'slow_client':
      return false;
  }
}
