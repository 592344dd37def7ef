import { FEED, type FeedSource } from '../connection/feed-source.js';
import type { Connection } from '../connection/connection.js';
import type { SseConnection } from '../connection/sse-connection.js';
import type { StreamEnd } from '../connection/stream-end.js';
import type { SseEventLike } from '../protocol/sse-event-like.js';
import type { ChannelSet } from './channel-set.js';
import type { SseStoredEvent } from './stored-event.js';
import { SubscriptionFeed } from './subscription-feed.js';

/** What one subscription decides. */
export interface SseSubscribeOptions {
  /** Where a client begins that brings no id: with what comes, or with the oldest event that is kept. @default 'live' */
  from?: 'live' | 'earliest';
  /**
   * Makes the state that a client starts from: called for a client without an id, and after a gap. What is published
   * while it is being made is sent after it, so that nothing falls in between.
   */
  snapshot?: () => SseEventLike | Promise<SseEventLike>;
  /**
   * Whether the client gets an event. It sees the event as it is stored, the same on every node. What is left out still
   * moves the client's position.
   */
  filter?: (event: SseStoredEvent) => boolean;
  /**
   * Told of each connection that starts to be fed. What it returns is not used, and a promise not waited for; a failure,
   * also of its promise, ends the stream.
   */
  onSubscribe?: (connection: SseConnection) => unknown;
  /** Told, once, of each of them that is fed no longer. A failure is logged. */
  onUnsubscribe?: (connection: SseConnection) => unknown;
}

/** A subscription, with nothing left out. */
export interface SubscriptionPlan extends SseSubscribeOptions {
  readonly names: readonly string[];
  readonly from: 'live' | 'earliest';
}

/**
 * What `SseBroadcaster.subscribe()` makes, to be returned from a handler.
 *
 * @publicApi
 */
export class SseSubscription implements FeedSource {
  constructor(
    private readonly set: ChannelSet,
    private readonly plan: SubscriptionPlan,
  ) {}

  /** The names of the channels. */
  get channels(): readonly string[] {
    return this.plan.names;
  }

  [FEED](connection: Connection, end: StreamEnd): void {
    new SubscriptionFeed(connection, this.set, this.plan, end).start();
  }
}
