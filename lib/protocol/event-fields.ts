import { kindOf, show, showKeys } from './show.js';
import { SseError } from './sse-error.js';

/**
 * The rules for each field of an event: every function returns the text that goes on the wire, or throws.
 *
 * Nothing is ever stripped or replaced here. A changed id breaks resume, and a changed type calls no listener; both
 * fail silently and far away, which is why they are refused instead.
 */

/**
 * Longest id in bytes of UTF-8. A browser sends a longer `Last-Event-ID` across origins only after a CORS preflight,
 * and servers answer that preflight wrongly more often than not.
 *
 * @see https://fetch.spec.whatwg.org/#cors-safelisted-request-header (a value of more than 128 bytes is not safelisted)
 */
const MAX_ID_BYTES = 128;

/**
 * The text of an `id` field.
 *
 * An id has to come back unchanged in a `Last-Event-ID` header, so this is what both the event stream and an HTTP field
 * value carry: no C0 or C1 control character, no DEL, no space at either end (HTTP trims space and tab, and nothing
 * else), no lone surrogate. U+2028, U+FEFF or a no-break space are plain bytes to both and pass. `-0` is `0`.
 *
 * @throws SseError `SSE_INVALID_ID` | `SSE_ID_TOO_LONG`
 * @see RFC 9110 §5.5 (field values)
 * @internal
 */
export function idText(id: unknown): string {
  switch (typeof id) {
    case 'string':
      return checkIdString(id);
    case 'number':
      if (!Number.isSafeInteger(id)) {
        throw new SseError(
          'SSE_INVALID_ID',
          `An event's id is the number ${show(id)}, which is not a safe integer. Use a bigint or a string.`,
          { value: id },
        );
      }
      return String(id);
    case 'bigint':
      // The bound comes first: printing a bigint of a million digits takes seconds.
      if (id >= OVER_128_DIGITS || id <= OVER_127_DIGITS_AND_SIGN) {
        throw idTooLong(id);
      }
      return String(id);
    default:
      throw new SseError('SSE_INVALID_ID', `An event's id is ${show(id)}. Use a string, a safe integer or a bigint.`, {
        value: id,
      });
  }
}

const OVER_128_DIGITS = 10n ** BigInt(MAX_ID_BYTES);
const OVER_127_DIGITS_AND_SIGN = -(10n ** BigInt(MAX_ID_BYTES - 1));

const SPACE = 0x20;

function checkIdString(id: string): string {
  // A UTF-16 code unit is at least one byte and at most three, so the bytes need counting only in between.
  if (id.length > MAX_ID_BYTES || (id.length * 3 > MAX_ID_BYTES && Buffer.byteLength(id) > MAX_ID_BYTES)) {
    throw idTooLong(id);
  }
  if (hasControlOrLoneSurrogate(id) || id.charCodeAt(0) === SPACE || id.charCodeAt(id.length - 1) === SPACE) {
    throw new SseError(
      'SSE_INVALID_ID',
      `An event's id is ${show(id)}. It would not come back unchanged: leave out line breaks, control characters, ` +
        'lone surrogates, and spaces at either end.',
      { value: id },
    );
  }
  return id;
}

function idTooLong(id: unknown): SseError {
  return new SseError(
    'SSE_ID_TOO_LONG',
    `An event's id is ${show(id)}, over ${MAX_ID_BYTES} bytes. Use a shorter one.`,
    {
      value: id,
    },
  );
}

/**
 * The text of an `event` field, or `undefined` if the event has no type of its own.
 *
 * The empty string is kept: by the standard a client reads it as `'message'`, which is what no type means too.
 * Spaces are kept, also at the ends: a client takes away the one after the colon only.
 *
 * @throws SseError `SSE_INVALID_TYPE`
 * @internal
 */
export function typeText(type: unknown, alias: unknown): string | undefined {
  if (type === undefined && alias === undefined) {
    return undefined;
  }
  if (type !== undefined && alias !== undefined && type !== alias) {
    throw new SseError(
      'SSE_INVALID_TYPE',
      `An event has the type ${show(type)} and, under its other name event, ${show(alias)}. Give one of them.`,
      { value: type },
    );
  }
  const name = type === undefined ? alias : type;
  if (typeof name !== 'string') {
    throw new SseError('SSE_INVALID_TYPE', `An event's type is ${show(name)}. Use a string.`, { value: name });
  }
  if (hasControlOrLoneSurrogate(name)) {
    throw new SseError(
      'SSE_INVALID_TYPE',
      `An event's type is ${show(name)}. Leave out line breaks, control characters and lone surrogates.`,
      { value: name },
    );
  }
  return name;
}

/**
 * The text of a `retry` field: ASCII digits only, or a client ignores it. That excludes `1e21` as much as `-1`.
 *
 * @throws SseError `SSE_INVALID_RETRY`
 * @internal
 */
export function retryText(retry: unknown): string {
  if (typeof retry !== 'number' || !Number.isSafeInteger(retry) || retry < 0) {
    throw new SseError(
      'SSE_INVALID_RETRY',
      `An event's retry is ${show(retry)}. Use milliseconds, a safe integer of 0 or more.`,
      { value: retry },
    );
  }
  return String(retry);
}

/**
 * Refuses a comment that is not a string. What is in it does no harm: each line of it starts with a colon.
 *
 * @throws SseError `SSE_INVALID_COMMENT`
 * @internal
 */
export function checkComment(comment: unknown): asserts comment is string {
  if (typeof comment !== 'string') {
    throw new SseError('SSE_INVALID_COMMENT', `A comment is ${show(comment)}. Use a string.`, { value: comment });
  }
}

/**
 * Refuses data that no serializer gets to see, because there is no text that it means.
 *
 * @throws SseError `SSE_INVALID_DATA` for binary data, `SSE_UNSERIALIZABLE_DATA` for functions and symbols
 * @internal
 */
export function checkData(data: unknown): void {
  if (typeof data === 'function' || typeof data === 'symbol') {
    throw new SseError('SSE_UNSERIALIZABLE_DATA', `An event's data is ${kindOf(data)}, which has no text form.`, {
      value: data,
    });
  }
  if (typeof data === 'object' && data !== null && isBinary(data)) {
    throw new SseError(
      'SSE_INVALID_DATA',
      `An event's data is ${kindOf(data)}, and the wire is text. Choose a text form: bytes.toString('base64'), say.`,
      { value: data },
    );
  }
}

/**
 * Refuses an object that is not meant as an event, as far as its keys tell. No getter is read of one that is.
 *
 * That is one with none of an event's keys; one with keys of its own that an event does not know, `created_at` say, which
 * would be lost without a word; and one that has an id and a type and no data, which is a record more often than an event.
 * An event's own keys may be inherited, as the getters of a DOM `MessageEvent` are.
 *
 * @throws SseError `SSE_INVALID_EVENT`, and `SSE_EMPTY_MESSAGE` for `{}`
 * @internal
 */
export function checkShape(value: object): void {
  checkKeys(value);
  if ('data' in value) {
    return;
  }
  const isTyped = 'type' in value || 'event' in value;
  if (isTyped && 'id' in value) {
    throw new SseError(
      'SSE_INVALID_EVENT',
      `${show(value)} has no data. ${WRAP} An event that means to say nothing has data: ''.`,
      { value },
    );
  }
  if (isTyped || 'id' in value || 'retry' in value || 'comment' in value) {
    return;
  }
  if (isPlain(value)) {
    throw new SseError('SSE_EMPTY_MESSAGE', 'An event is {}: it says nothing. Leave it out.', { value });
  }
  throw notAnEvent(value);
}

/**
 * The part of {@link checkShape} that is about keys which an event does not know.
 *
 * @throws SseError `SSE_INVALID_EVENT`
 * @internal
 */
export function checkKeys(value: object): void {
  for (const key in value) {
    if (!isEventKey(key) && isForeign(value, key)) throw notAnEvent(value);
  }
}

/** Cheaper than a set: the keys of a literal are constants, which are compared by their address. */
function isEventKey(key: string): boolean {
  switch (key) {
    case 'type':
    case 'event':
    case 'data':
    case 'id':
    case 'retry':
    case 'comment':
      return true;
    default:
      return false;
  }
}

/** What is inherited belongs to a class, and what is undefined is not there. A getter is not asked: it may throw. */
function isForeign(value: object, key: string): boolean {
  const property = Object.getOwnPropertyDescriptor(value, key);
  return property !== undefined && (property.get !== undefined || property.value !== undefined);
}

const WRAP = "If it is all data, wrap it: { data: value }, or set the option as: 'data' of the route.";

function notAnEvent(value: object): SseError {
  const keys = Object.keys(value);
  const foreign = keys.filter((key) => !isEventKey(key) && isForeign(value, key));
  const what = foreign.length < keys.length ? `has keys that no event has: ${showKeys(foreign)}` : 'is no event';
  return new SseError(
    'SSE_INVALID_EVENT',
    `${show(value)} ${what}. ${WRAP} An event has the keys type, data, id, retry and comment.`,
    { value },
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * Whether a value is bytes: `Buffer`, any other typed array, `DataView`, `ArrayBuffer` or `SharedArrayBuffer`.
 *
 * @internal
 */
export function isBinary(value: object): boolean {
  // The tag, not `instanceof`: jest and `vm` give every realm an ArrayBuffer of its own.
  if (ArrayBuffer.isView(value)) {
    return true;
  }
  const tag = Object.prototype.toString.call(value);
  return tag === '[object ArrayBuffer]' || tag === '[object SharedArrayBuffer]';
}

/** One loop over the code units: ids and types are short, and a regular expression costs more than the loop. */
function hasControlOrLoneSurrogate(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < SPACE || (unit >= 0x7f && unit <= 0x9f)) {
      return true;
    }
    if (unit >= 0xd800 && unit <= 0xdfff) {
      const low = unit <= 0xdbff ? text.charCodeAt(i + 1) : NaN;
      // `!(…)` rather than the opposite comparisons: both are false for the NaN beyond the end.
      if (!(low >= 0xdc00 && low <= 0xdfff)) {
        return true;
      }
      i++;
    }
  }
  return false;
}
