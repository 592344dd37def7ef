/** Why a connection ended. The set is closed, so logs, metrics and tests can switch on it. */
export type SseCloseCode =
  | 'source_completed'
  | 'source_failed'
  | 'client_left'
  | 'server_closing'
  | 'write_timeout'
  | 'slow_client'
  | 'lifetime_over'
  | 'unauthorized'
  | 'over_limit'
  | 'kicked';

/**
 * Why a connection ended. You find it in the `reason` of `@SseSignal()`, in `SseConnection.closed`, and in the argument of
 * `onClose` of an `SseResponse`.
 *
 * @publicApi
 */
export interface SseCloseReason {
  /** The kind of end, to compare in code. */
  readonly code: SseCloseCode;
  /** Text for people. */
  readonly reason: string;
  /** What the source threw, with `source_failed`. */
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
  unauthorized: 'the right to read has ended',
  over_limit: 'a limit is reached',
  kicked: 'the application closed the connection',
};

/**
 * A close reason with the standard text of its code, or with another text.
 *
 * @internal
 */
export function closeReason(code: SseCloseCode, reason: string = WORDS[code], error?: unknown): SseCloseReason {
  return Object.freeze(error === undefined ? { code, reason } : { code, reason, error });
}

/**
 * Whether the feed itself ends the connection. Then it has nothing left to deliver.
 *
 * @internal
 */
export function endsByFeed(code: SseCloseCode): boolean {
  return code === 'source_completed' || code === 'source_failed';
}

/**
 * Whether what waits is delivered before the connection ends. It is not when the peer is gone, was given up, or may not read any more.
 *
 * @internal
 */
export function isGraceful(code: SseCloseCode): boolean {
  switch (code) {
    case 'source_completed':
    case 'source_failed':
    case 'server_closing':
    case 'lifetime_over':
    case 'over_limit':
    case 'kicked':
      return true;
    case 'client_left':
    case 'write_timeout':
    case 'slow_client':
    case 'unauthorized':
      return false;
  }
}
