import type { SseEventLike } from '../protocol/sse-event-like.js';
import type { SseCloseCode, SseCloseReason } from './close-reason.js';

/** How the application ends a connection. */
export interface SseCloseOptions {
  /** @default 'kicked' */
  code?: SseCloseCode;
  /** Words for logs. @default the standard words of the code */
  reason?: string;
  /** A last event for the client, after everything that was accepted before. @default none */
  event?: SseEventLike;
}

/**
 * The application's tags of a connection. To give them types, add to it:
 *
 * @example
 * declare module 'nestjs-event-stream' {
 *   interface SseContext { userId?: string }
 *   interface SseRequest extends FastifyRequest {}
 * }
 *
 * @publicApi
 */
export interface SseContext {
  [tag: string]: unknown;
}

/**
 * The request of a connection, as the platform's handlers see it. Empty, since the platform is the application's affair:
 * add to it as to {@link SseContext}.
 *
 * @publicApi
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- to be added to
export interface SseRequest {}

/**
 * One client's stream, as the application sees it: injected with `@SseClient()`, listed by `SseConnections`.
 *
 * @publicApi
 */
export abstract class SseConnection {
  /** Unique among all connections of all processes. */
  abstract readonly id: string;
  /** What the client sent as `Last-Event-ID` (or the query parameter in its place), if anything. */
  abstract readonly lastEventId: string | undefined;
  /** Aborted when the connection ends, or must soon end, with the `SseCloseReason` as its `reason`. */
  abstract readonly signal: AbortSignal;
  /** The request, as the platform's handlers see it (Express `Request`, Fastify `FastifyRequest`). */
  abstract readonly request: SseRequest;
  /** When the headers were sent, in milliseconds since the epoch; `undefined` until then. */
  abstract readonly openedAt: number | undefined;
  /** Bytes of the body handed to the socket so far. */
  abstract readonly bytesSent: number;
  /** Events handed to the socket so far; pings and other comments count too. */
  abstract readonly eventsSent: number;
  /** Events that were dropped by the overflow policy. */
  abstract readonly eventsDropped: number;
  /** Bytes accepted for this client that the kernel has not taken yet. */
  abstract readonly bufferedBytes: number;
  /** The application's own tags, e.g. `{ userId }`. Empty at first. */
  abstract readonly context: SseContext;
  /** Resolves, and never rejects, when the last byte is gone or the peer is. */
  abstract readonly closed: Promise<SseCloseReason>;

  /**
   * Sends one event to this client, beside what its source sends. It cannot wait: when the client does not read, the
   * `buffer` policy decides.
   *
   * @returns whether the event was accepted: `false` when the connection is closed or closing, or the policy dropped it
   * @throws {SseError} when the event cannot be sent exactly; nothing is written then
   */
  abstract send(event: SseEventLike): boolean;

  /** Sends a comment, which clients ignore. Returns and throws as `send()`. */
  abstract comment(text: string): boolean;

  /**
   * Ends the stream: what was accepted, and what was published to its channels before, is still delivered, then the body
   * ends cleanly. An `EventSource` comes back after its `retry` time; answer it with `null` (204) to stop it for good. No
   * effect when already closing.
   *
   * @param why words for logs, or more
   * @throws {SseError} when the last event cannot be sent exactly; the connection stays open then
   */
  abstract close(why?: string | SseCloseOptions): void;
}
