import { checkShape, isBinary } from './event-fields.js';
import { SseEvent, type SseEventInit } from './sse-event.js';
import { kindOf } from './show.js';
import { SseError } from './sse-error.js';

/**
 * What a source may yield: an event, or a bare primitive that is the data of one.
 *
 * @publicApi
 */
export type SseEventLike<T = unknown> = string | number | boolean | bigint | SseEventInit<T>;

/**
 * The event that a yielded value stands for.
 *
 * A string, number, boolean or bigint is data. An object with at least one of an event's keys, its own or inherited
 * (a DOM `MessageEvent` has getters), is an event and is returned as it is. Its fields are not checked here: the encoder
 * does that.
 *
 * @throws SseError `SSE_INVALID_EVENT` for everything else, also for an object with keys that an event does not know,
 * which would be lost without a word, and for `{ id: 7, type: 'invoice' }`, which is a record. `SSE_EMPTY_MESSAGE` for `{}`.
 * @internal
 */
export function toEventInit(value: unknown): SseEventInit {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'bigint':
      return { data: value };
    case 'object':
      break;
    case 'undefined':
    case 'function':
    case 'symbol':
      throw new SseError(
        'SSE_INVALID_EVENT',
        `An event is ${kindOf(value)}. Use a string, a number, a boolean, a bigint, or an object such as { data }.`,
        { value },
      );
  }
  if (value === null) {
    throw new SseError('SSE_INVALID_EVENT', 'An event is null. To send a JSON null, use { data: null }.', { value });
  }
  if (isBinary(value)) {
    throw new SseError(
      'SSE_INVALID_EVENT',
      `An event is ${kindOf(value)}, and the wire is text. Decode it, or use { data: bytes.toString('base64') }.`,
      { value },
    );
  }
  if (Array.isArray(value)) {
    throw new SseError(
      'SSE_INVALID_EVENT',
      `An event is ${kindOf(value)}. To send it as one, use { data: array }; to send each item, use yield*.`,
      { value },
    );
  }
  checkShape(value);
  return value;
}

/**
 * What the values of a source are: events, or data. With `'data'`, values that look like events are data too.
 *
 * @publicApi
 */
export type SseValuesAs = 'event' | 'data';

/**
 * The event that a value of a source stands for. With `'data'` every value is the data of one, but for an `SseEvent`,
 * which nobody makes by accident.
 *
 * @throws SseError as {@link toEventInit}
 * @internal
 */
export function toEventAs(as: SseValuesAs, value: unknown): SseEventInit {
  return as === 'event' || value instanceof SseEvent ? toEventInit(value) : { data: value };
}
