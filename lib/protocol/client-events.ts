import { invalidOption } from './check-option.js';
import type { SseGapReason } from './gap-reason.js';
import type { SseEventInit } from './sse-event.js';
import { toEventInit, type SseEventLike } from './sse-event-like.js';
import { kindOf } from './show.js';
import { SseError } from './sse-error.js';

/**
 * Makes the event that tells a client of a failure. `null`: none, the stream just ends.
 *
 * `isText` is whether the stream has sent strings and nothing else so far: then its client does not expect JSON.
 *
 * @publicApi
 */
export type SseErrorEventFactory<Event = SseEventLike> = (error: unknown, isText: boolean) => Event | null;

/**
 * Events that a client should have got, and that are not kept any more.
 *
 * @publicApi
 */
export interface SseGap {
  /** The names of the channels in which events are missing. */
  readonly channels: readonly string[];
  readonly reason: SseGapReason;
}

/**
 * Makes the event that tells a client of a gap. It brings no id: the library adds the position after the gap. `null`: none.
 *
 * @publicApi
 */
export type SseGapEventFactory<Event = SseEventLike> = (gap: SseGap) => Event | null;

/** How what the library itself has to say looks to a client: in the words of the client's protocol. */
export interface SseClientEventOptions {
  /**
   * The event that ends a stream whose source fails after the headers are out. `null`: none, the stream just ends.
   *
   * @default type 'error' with `{ message, statusCode }` of an `HttpException`, and `'Internal server error'` and 500 for all other
   * errors. A stream that has sent only strings gets the message alone, as text
   */
  errorEvent?: SseErrorEventFactory | null | undefined;
  /**
   * The event that tells the client of a channel that it has missed events. What it throws makes the stream fail, with an error
   * event. `null`: none. The client is told its new position all the same, so that it can not learn of the gap later either.
   *
   * @default the type `gapType` with `{ channel, reason }`
   */
  gapEvent?: SseGapEventFactory | null | undefined;
}

/** The same with nothing left out. */
export interface ClientEvents {
  readonly errorEvent: SseErrorEventFactory;
  readonly gapEvent: SseGapEventFactory;
}

/**
 * What `options` leave out is taken from `base`.
 *
 * @throws {SseError} `SSE_INVALID_OPTION`
 * @internal
 */
export function resolveClientEvents(base: ClientEvents, options: SseClientEventOptions): ClientEvents {
  return {
    errorEvent: eventFactory('errorEvent', options.errorEvent) ?? base.errorEvent,
    gapEvent: eventFactory('gapEvent', options.gapEvent) ?? base.gapEvent,
  };
}

/**
 * One of them, as a user gives it.
 *
 * @returns `undefined` when it is left out
 * @throws {SseError} `SSE_INVALID_OPTION`
 * @internal
 */
export function eventFactory<Factory extends (...args: never[]) => unknown>(
  name: string,
  factory: Factory | null | undefined,
): Factory | (() => null) | undefined {
  if (factory === null) return none;
  if (factory === undefined || typeof factory === 'function') return factory;
  throw invalidOption(name, factory, 'a function, or null for no event');
}

function none(): null {
  return null;
}

/**
 * The event of a failure, encoded. The stream ends all the same where it cannot be made.
 *
 * @param encode - may throw, as the factory may: that is reported.
 * @returns `undefined` when there is none.
 * @internal
 */
export function errorEventOf<Encoded>(
  factory: SseErrorEventFactory,
  error: unknown,
  isText: boolean,
  encode: (event: SseEventInit) => Encoded,
  report: (error: unknown) => void,
): Encoded | undefined {
  try {
    const event = factory(error, isText);
    return event === null ? undefined : encode(toEventInit(event));
  } catch (broken) {
    report(broken);
    return undefined;
  }
}

/**
 * The event of a gap. Where it cannot be made the stream must not go on: the client would not know.
 *
 * @returns `undefined` when there is none.
 * @throws {SseError} `SSE_INVALID_EVENT`, `SSE_INVALID_ID`, and whatever the factory throws
 * @internal
 */
export function gapEventOf(factory: SseGapEventFactory, gap: SseGap): SseEventInit | undefined {
  const made: unknown = factory(gap);
  if (made === null) return undefined;
  if (made === undefined) {
    const message = 'gapEvent returned undefined. Return an event, or null to tell the client nothing.';
    throw new SseError('SSE_INVALID_EVENT', message, { value: made });
  }
  const event = toEventInit(made);
  if (event.id === undefined) return event;
  throw new SseError(
    'SSE_INVALID_ID',
    `gapEvent returned an event with an id of its own, ${kindOf(event.id)}. The library adds the position after the gap: put yours into data.`,
    { value: event.id },
  );
}

/** The event that announces a gap where nobody has said otherwise. */
export function defaultGapEvent(type: string): SseGapEventFactory {
  return ({ channels, reason }) => ({
    type,
    // Text, not an object: what `serialize` makes of it is for the application's own data.
    data: JSON.stringify({ channel: channels.length === 1 ? channels[0] : channels, reason }),
  });
}
