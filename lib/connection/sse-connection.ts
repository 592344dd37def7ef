import type { OptionNames } from '../protocol/check-option.js';
import type { SseEventLike } from '../protocol/sse-event-like.js';
import type { SseCloseCode, SseCloseReason } from './close-reason.js';

/** How the application ends a connection. */
export interface SseCloseOptions {
  /** @default 'kicked' */
  code?: SseCloseCode;
  /** The reason, as text for logs. @default the standard text of the code */
  reason?: string;
  /** A last event for the client, after everything that was accepted before. @default none */
  event?: SseEventLike;
}

/** @internal */
export const CLOSE_OPTION_NAMES: OptionNames<SseCloseOptions> = { code: true, reason: true, event: true };

/**
 * Your own tags of a connection. To give them types, extend this interface:
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
 * The request of a connection, as handlers of Express or Fastify see it. It is empty, because only you know your platform. Add
 * its type as shown at {@link SseContext}.
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
  /** The pattern of its route, as the platform has it, e.g. `/orders/:id/feed`: what to tell streams apart by in logs and metrics. */
  abstract readonly route: string;
  /** What the client sent as `Last-Event-ID` (or the query parameter in its place), if anything. */
  abstract readonly lastEventId: string | undefined;
  /** Aborted when the connection ends or must soon end. Its `reason` is the `SseCloseReason`. */
  abstract readonly signal: AbortSignal;
  /** The request: Express' `Request`, or Fastify's `FastifyRequest`. */
  abstract readonly request: SseRequest;
  /** When the headers were sent, in milliseconds since the epoch; `undefined` until then. */
  abstract readonly openedAt: number | undefined;
  /** When the request came, in milliseconds since the epoch. */
  abstract readonly arrivedAt: number;
  /**
   * When the first event was handed to the socket, in milliseconds since the epoch; `undefined` until then. Pings and other
   * comments are no events.
   */
  abstract readonly firstEventAt: number | undefined;
  /** How many bytes of the body were handed to the socket so far. */
  abstract readonly bytesSent: number;
  /** How many events were handed to the socket so far. Pings and other comments count too. */
  abstract readonly eventsSent: number;
  /** How many events the overflow policy dropped. */
  abstract readonly eventsDropped: number;
  /** How many bytes were accepted for this client and are not taken by the kernel yet. */
  abstract readonly bufferedBytes: number;
  /** Your own tags, e.g. `{ userId }`. Empty at first. */
  abstract readonly context: SseContext;
  /** Resolves when the last byte is gone, or the client is. Never rejects. */
  abstract readonly closed: Promise<SseCloseReason>;

  /**
   * Sends one event to this client, in addition to its source. It cannot wait: when the client does not read, the `buffer`
   * policy decides.
   *
   * @returns whether the event was accepted. `false` when the connection is closed or closing, or when the policy dropped the event
   * @throws {SseError} when the event cannot be sent exactly; nothing is written then
   */
  abstract send(event: SseEventLike): boolean;

  /** Sends a comment, which clients ignore. It returns and throws as `send()` does. */
  abstract comment(text: string): boolean;

  /**
   * Ends the stream. What was accepted, and what was published to its channels before, is still delivered. Then the body ends
   * cleanly. An `EventSource` comes back after its `retry` time: answer it with `null` (204) to stop it for good. No effect when
   * the connection is closing already.
   *
   * @param why the reason, as text for logs, or an object with more
   * @throws {SseError} when the last event cannot be sent exactly; the connection stays open then
   */
  abstract close(why?: string | SseCloseOptions): void;
}
