import { isInstance } from './brand.js';

/**
 * All codes of {@link SseError}, as a list.
 *
 * The set is closed: a `switch` over {@link SseErrorCode} can be exhaustive. A new code comes with a minor release.
 *
 * @publicApi
 */
export const SSE_ERROR_CODES = [
  // What an event may not be. Nothing of such an event has been written.
  'SSE_INVALID_ID',
  'SSE_ID_TOO_LONG',
  'SSE_INVALID_TYPE',
  'SSE_INVALID_RETRY',
  'SSE_INVALID_COMMENT',
  'SSE_INVALID_DATA',
  'SSE_UNSERIALIZABLE_DATA',
  'SSE_EMPTY_MESSAGE',
  'SSE_INVALID_EVENT',
  // What was read from another server's stream.
  'SSE_EVENT_TOO_LONG',
  // What was configured or returned wrongly.
  'SSE_INVALID_OPTION',
  'SSE_INVALID_SOURCE',
  'SSE_NO_RETURN',
  'SSE_NOT_CONFIGURED',
  'SSE_UNSUPPORTED',
  'SSE_CONFIGURED_TWICE',
  // Who may not read.
  'SSE_FORBIDDEN',
  // What came too late or twice.
  'SSE_ALREADY_STARTED',
  'SSE_CLOSED',
  'SSE_PRODUCER_RUNNING',
  'SSE_PRODUCTION_TOO_LARGE',
  'SSE_PRODUCTION_TIMEOUT',
  'SSE_PRODUCTION_LOST',
  'SSE_TOO_MANY_PRODUCTIONS',
  // Channels and what stands behind them.
  'SSE_INVALID_CHANNEL',
  'SSE_TOO_MANY_CHANNELS',
  'SSE_BACKPLANE_UNAVAILABLE',
] as const;

/**
 * The machine-readable reason of an {@link SseError}.
 *
 * | code | what happened |
 * |---|---|
 * | `SSE_INVALID_ID` | an event id that would not come back unchanged in `Last-Event-ID` |
 * | `SSE_ID_TOO_LONG` | an event id of more than 128 bytes |
 * | `SSE_INVALID_TYPE` | an event type that would not arrive unchanged, or `type` and `event` that disagree |
 * | `SSE_INVALID_RETRY` | a reconnection time that is not a non-negative safe integer |
 * | `SSE_INVALID_COMMENT` | a comment that is not a string |
 * | `SSE_INVALID_DATA` | binary data; the wire is text |
 * | `SSE_UNSERIALIZABLE_DATA` | data that the serializer refused or has no text for |
 * | `SSE_EMPTY_MESSAGE` | an event that says nothing at all |
 * | `SSE_INVALID_EVENT` | something that is no event: wrap it in `{ data }` |
 * | `SSE_EVENT_TOO_LONG` | an event that was read is longer than any that is sent |
 * | `SSE_INVALID_OPTION` | an option outside its range |
 * | `SSE_INVALID_SOURCE` | a handler returned something that yields no events |
 * | `SSE_NO_RETURN` | a handler returned `undefined` |
 * | `SSE_NOT_CONFIGURED` | `@Sse()` without `SseModule` |
 * | `SSE_CONFIGURED_TWICE` | two `SseModule.forRoot()` in one application |
 * | `SSE_UNSUPPORTED` | a version of Nest, Fastify or Node whose insides are not as expected; a signal of another node that cannot be read |
 * | `SSE_FORBIDDEN` | a client may not read a channel: `authorize` did not say yes, or `disconnect()` keeps the client out |
 * | `SSE_ALREADY_STARTED` | a source that can be read once was used twice |
 * | `SSE_CLOSED` | the queue, connection or broadcaster is closed |
 * | `SSE_PRODUCER_RUNNING` | the channel has a producer already |
 * | `SSE_PRODUCTION_TOO_LARGE` | what is produced is more than is kept of one production |
 * | `SSE_PRODUCTION_TIMEOUT` | a production went on for longer than its `deadlineMs` |
 * | `SSE_PRODUCTION_LOST` | the store has lost what was produced, while it was produced |
 * | `SSE_TOO_MANY_PRODUCTIONS` | as many productions run on this node as it may have |
 * | `SSE_TOO_MANY_CHANNELS` | a channel more than `maxChannels` |
 * | `SSE_INVALID_CHANNEL` | a channel name outside the allowed form |
 * | `SSE_BACKPLANE_UNAVAILABLE` | the backplane cannot be reached |
 *
 * @publicApi
 */
export type SseErrorCode = (typeof SSE_ERROR_CODES)[number];

/**
 * What an {@link SseError} can carry besides its code and message.
 *
 * @publicApi
 */
export interface SseErrorDetails {
  /** The value that was refused. The message shows it in short, and without secrets. */
  readonly value?: unknown;
  /** The error that led to this one: what a serializer or a broker threw. */
  readonly cause?: unknown;
}

/** On every error of this library, whichever of the package's two builds made it. */
const SSE_ERROR: unique symbol = Symbol.for('nestjs-event-stream.error');

/**
 * An error of this library, told apart by its {@link code}.
 *
 * The message says what happened, the value seen, and what to do. It is written for people and may change between
 * releases; compare `code`. An application may load both the ESM and the CommonJS build; `instanceof SseError` is true
 * for the errors of both.
 *
 * @example
 * try {
 *   await broadcaster.publish('orders', { id, data });
 * } catch (error) {
 *   if (error instanceof SseError && error.code === 'SSE_INVALID_ID') {
 *     // …
 *   }
 * }
 *
 * @publicApi
 */
export class SseError extends Error {
  override readonly name = 'SseError';
  readonly code: SseErrorCode;
  readonly #value: unknown;

  constructor(code: SseErrorCode, message: string, details: SseErrorDetails = {}) {
    // `{ cause: undefined }` would make an own property that every logger prints.
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.#value = details.value;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(this, SseError, SSE_ERROR, value);
  }

  /**
   * The value that was refused, if there is one. It may hold secrets, so no logger prints it: it is a getter of the class, which
   * `console`, `util.inspect()` and JSON do not show.
   */
  get value(): unknown {
    return this.#value;
  }

  /** @internal */
  get [SSE_ERROR](): true {
    return true;
  }
}
