import type { SseEventInit } from '../protocol/sse-event.js';
import type { SseEventLike } from '../protocol/sse-event-like.js';
import { checkChannelName } from './channel-name.js';
import type { SseStoredEvent } from './stored-event.js';

/** Types of events to the data that they carry: a type or an interface such as `{ created: Order }`. */
export type SseEventMap = object;

/**
 * A channel whose events are known to the compiler.
 *
 * @publicApi
 */
export interface SseChannel<Events extends SseEventMap> {
  readonly name: string;
  /** Never there: it carries the types. */
  readonly events?: Events;
}

/** A channel by its name, or as `defineChannel()` made it. */
export type SseChannelRef = string | SseChannel<SseEventMap>;

/** An event of a typed channel. */
export type SseChannelEvent<Events extends SseEventMap> = {
  [Type in keyof Events & string]: Omit<SseEventInit, 'type' | 'event' | 'data' | 'id'> & {
    type: Type;
    data: Events[Type];
  };
}[keyof Events & string];

/** What is published to a channel, and what its snapshots are: of a typed one its events, of others any. */
export type SseEventOf<Channel extends SseChannelRef> =
  Channel extends SseChannel<infer Events> ? SseChannelEvent<Events> : SseEventLike;

/**
 * An event of a channel as filters and `history()` see it: of a typed one its types are known. The data is text, as on the
 * wire. What others have put into the same channel is not in the types: the error event of a `produce()` that failed, or
 * events of another version of the application.
 */
export type SseStoredEventOf<Channel extends SseChannelRef> =
  Channel extends SseChannel<infer Events>
    ? { readonly id: string; readonly type: keyof Events & string; readonly data: string }
    : SseStoredEvent;

/**
 * A channel with the types of its events: `publish()` takes no others, snapshots make no others, and filters and
 * `history()` know their types.
 *
 * @example
 * export const orders = defineChannel<{ created: Order; cancelled: { id: string } }>('orders');
 * await broadcaster.publish(orders, { type: 'created', data: order });
 *
 * @throws {SseError} `SSE_INVALID_CHANNEL`
 * @publicApi
 */
export function defineChannel<Events extends SseEventMap>(name: string): SseChannel<Events> {
  return Object.freeze({ name: checkChannelName(name) });
}
