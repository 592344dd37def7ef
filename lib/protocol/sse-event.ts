import { isInstance } from './brand.js';
import { checkComment, checkData, idText, retryText, typeText } from './event-fields.js';
import { SseError } from './sse-error.js';

/**
 * An event as you write it: a plain object with at least one of these fields. The shape is that of Nest's `MessageEvent`. A field
 * that is `undefined` counts as left out.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation (9.2.6)
 * @publicApi
 */
export interface SseEventInit<T = unknown> {
  /**
   * The name under which the client listens: `source.addEventListener(type, …)`. Without it, `'message'`.
   *
   * Line breaks, control characters and lone surrogates are refused with `SSE_INVALID_TYPE`: they would end the field
   * or arrive as something else. The empty string is the standard's long way of saying `'message'`.
   */
  type?: string;

  /**
   * Another name for {@link type}, as it is called on the wire. When both are given they must be equal, else
   * `SSE_INVALID_TYPE`.
   */
  event?: string;

  /**
   * What the event says. A string is sent as it is. Anything else goes through `serialize`, by default `JSON.stringify`.
   * `null` is JSON's `null`. An event with a type and without data is sent with empty data, because a client never dispatches
   * an event that has no data line.
   *
   * Line breaks of every kind arrive as `\n`, and a lone surrogate as U+FFFD: the format knows no other way.
   * Binary data is refused with `SSE_INVALID_DATA`: choose a text form (base64) that your client knows.
   */
  data?: T;

  /**
   * What the client sends back as `Last-Event-ID` when it reconnects. The empty string makes it forget.
   *
   * An id must survive the way back through an HTTP header. Line breaks, control characters, lone surrogates and
   * leading or trailing spaces are refused with `SSE_INVALID_ID`; more than 128 bytes of UTF-8 with
   * `SSE_ID_TOO_LONG`, because from there on a browser asks for permission (a CORS preflight) to send it. A number
   * must be a safe integer: beyond that it has lost digits already, use a `bigint` or a string.
   */
  id?: string | number | bigint;

  /**
   * How long the client waits before it reconnects, in milliseconds. A safe integer of 0 or more, else
   * `SSE_INVALID_RETRY`.
   */
  retry?: number;

  /** Text that clients ignore and people see in `curl`. Each line of it becomes a comment line. */
  comment?: string;
}

/**
 * What an {@link SseEvent} can have besides its data.
 *
 * @publicApi
 */
export type SseEventFields = Omit<SseEventInit, 'data'>;

const SSE_EVENT: unique symbol = Symbol.for('nestjs-event-stream.event');

/**
 * An event that is checked when it is made.
 *
 * It sends the same bytes as a plain object with the same fields. But a mistake shows at once, and the stack leads to the code
 * that made the event. Only what `serialize` refuses shows later, when the event is encoded.
 *
 * @example
 * new SseEvent({ n: 1 }, { type: 'tick', id: 7 });
 * SseEvent.withType('tick', { n: 1 });
 * SseEvent.comment('still here');
 *
 * @throws SseError with the code of the field that cannot be sent, or `SSE_EMPTY_MESSAGE` if there is none.
 * @publicApi
 */
export class SseEvent<T = unknown> implements SseEventInit<T> {
  readonly data?: T;
  readonly type?: string;
  readonly id?: string | number | bigint;
  readonly retry?: number;
  readonly comment?: string;

  constructor(data?: T, fields: SseEventFields = {}) {
    const { type, event, id, retry, comment } = fields;
    const name = typeText(type, event);
    if (data === undefined && name === undefined && id === undefined && retry === undefined && comment === undefined) {
      throw new SseError('SSE_EMPTY_MESSAGE', 'An event needs data, a type, an id, a retry or a comment; it has none.');
    }
    checkData(data);
    if (id !== undefined) {
      idText(id);
    }
    if (retry !== undefined) {
      retryText(retry);
    }
    if (comment !== undefined) {
      checkComment(comment);
    }
    // All five are always set, so that every SseEvent has the same hidden class for the encoder.
    this.data = data;
    this.type = name;
    this.id = id;
    this.retry = retry;
    this.comment = comment;
  }

  /** True for those of the package's other build too. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(this, SseEvent, SSE_EVENT, value);
  }

  /** An event with `data` and the default type `'message'`. */
  static data<T>(data: T): SseEvent<T> {
    return new SseEvent(data);
  }

  /** An event with a type. Without `data` it arrives with empty data. */
  static withType<T = undefined>(type: string, data?: T): SseEvent<T> {
    return new SseEvent(data, { type });
  }

  /** A comment, which no listener sees. */
  static comment(comment: string): SseEvent<undefined> {
    return new SseEvent<undefined>(undefined, { comment });
  }

  /** @internal */
  get [SSE_EVENT](): true {
    return true;
  }
}
