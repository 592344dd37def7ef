import type { SseEventInit } from '../protocol/sse-event.js';
import { checkChannelName } from './channel-name.js';

/** Types of events to the data that they carry. */
export type SseEventMap = Record<string, unknown>;

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

/** An event of a typed channel. */
export type SseChannelEvent<Events extends SseEventMap> = {
  [Type in keyof Events & string]: Omit<SseEventInit, 'type' | 'event' | 'data' | 'id'> & {
    type: Type;
    data: Events[Type];
  };
}[keyof Events & string];

/**
 * A channel with the types of its events: `publish()` takes no others.
 *
 * What is read, by filters and `history()`, is not narrowed: its data is text, and there are events of other types in the
 * store too, such as the one that tells of a failure of `produce()`, or what another version of the application published.
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
