import type { SseGapReason } from '../protocol/gap-reason.js';
import type { SseCloseCode, SseCloseReason } from './close-reason.js';
import type { SseConnection } from './sse-connection.js';

/**
 * Why a request got no stream: a close code, or `too_many_waiting` when too many wait for their turn on its socket.
 *
 * | code | what the client got |
 * |---|---|
 * | `server_closing` | a `retry:`, and a clean end: the application closes |
 * | `over_limit` | a `retry:`, and a clean end; or 429 or 503: see `limits` |
 * | `too_many_waiting` | 503 |
 * | `source_failed` | the status of the error, by the exception filters |
 * | `source_completed` | 204, JSON, headers alone for HEAD, or what the handler has answered by itself |
 * | `client_left` | nothing: it left before |
 * | any other | a `retry:`, and a clean end: the application closed it before its headers were sent |
 */
export type RefusalCode = SseCloseCode | 'too_many_waiting';

/**
 * Is told what happens in an application. Logs, metrics, pings, hooks and inspectors listen to it.
 *
 * Each fact is told once, at the moment when it happens. A request is either refused, or it is opened and later closed.
 *
 * A listener must return soon, because the stream waits. It may throw, and it may end the connection that it is told of: the
 * others go on (see `Observers`). There is no call for each event that is delivered. Plain fields count these
 * (`SseConnection.eventsSent`, `bytesSent`, `eventsDropped`). They are summed when somebody reads them.
 *
 * @internal
 */
export interface Observer {
  /** The headers of its stream were sent. */
  opened(connection: SseConnection): void;
  /** The first event of a stream was handed to its socket. Comments, pings and positions are no events. */
  firstEvent(connection: SseConnection): void;
  /** A stream that was opened is over: its last byte is gone, or its client is. */
  closed(connection: SseConnection, reason: SseCloseReason): void;
  /**
   * A request for a stream is over, and no stream was opened.
   *
   * @param route its pattern, as `SseConnection.route`
   */
  refused(route: string, code: RefusalCode): void;
  /** Events are being dropped by the overflow policy. Told with the first one, and not again until the client has read all. */
  dropped(connection: SseConnection): void;
  /** A client is told that events are missing for it, in these channels. */
  gap(connection: SseConnection, channels: readonly string[], reason: SseGapReason): void;
  /**
   * A client that came has caught up with its channels. Not told again when it falls behind later.
   *
   * @param events how many were read for that, from memory or the store; at least one
   */
  replayed(connection: SseConnection, events: number): void;
  /**
   * An event was published on this node, and stored. Not told again for a publish key that was known.
   *
   * @param waitedMs how long the store took, in milliseconds; 0 when it answered at once
   */
  published(channel: string, waitedMs: number): void;
  /** An event that was to be published on this node was not stored, or nobody knows whether it was. */
  publishFailed(channel: string, error: unknown): void;
  /**
   * A read or a publish failed because the backplane is away, or it is back. It counts as reachable at first.
   *
   * @param error why not, as far as that is known
   */
  backplaneChanged(isUp: boolean, error?: unknown): void;
  /**
   * The application begins to close: from now on streams are ended, and new requests are told to come back.
   *
   * @param connections how many there are
   */
  draining(connections: number): void;
  /** Something was thrown that nobody else is told of, e.g. by a source after its headers were sent, or by a hook. */
  failed(error: unknown): void;
}
