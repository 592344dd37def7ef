import type { SseEventInit } from '../protocol/sse-event.js';
import type { SseEventLike } from '../protocol/sse-event-like.js';
import { checkChannelName } from './channel-name.js';
import type { SseStoredEvent } from '../protocol/sse-stored-event.js';

/** The types of events of a channel, each with its data: a type or an interface such as `{ created: Order }`. */
export type SseEventMap = object;

/**
 * A channel whose events are known to the compiler.
 *
 * @publicApi
 */
export interface SseChannel<Events extends SseEventMap> {
  readonly name: string;
  /** Never set. It carries the types for the compiler. */
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

/** What can be published to a channel and returned by its snapshots: the events of a typed channel, any event of others. */
export type SseEventOf<Channel extends SseChannelRef> =
  Channel extends SseChannel<infer Events> ? SseChannelEvent<Events> : SseEventLike;

/**
 * An event of a channel as filters and `history()` see it. A typed channel knows its types. The data is text, as on the wire.
 *
 * A channel may hold events that are not in its types: the error event of a `produce()` that failed, and events that another
 * version of the application published.
 */
export type SseStoredEventOf<Channel extends SseChannelRef> =
  Channel extends SseChannel<infer Events>
    ? { readonly id: string; readonly type: keyof Events & string; readonly data: string }
    : SseStoredEvent;

/**
 * Makes a channel with types. `publish()` takes only its events, snapshots return only its events, and filters and `history()`
 * know their types.
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
