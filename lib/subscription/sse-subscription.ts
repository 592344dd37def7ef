import { FEED, type SharedSource } from '../connection/shared-source.js';
import type { Connection } from '../connection/connection.js';
import { endWithFailure, type StreamEnd } from '../connection/stream-end.js';
import { knownOptions } from '../protocol/check-option.js';
import { show } from '../protocol/show.js';
import { SseError } from '../protocol/sse-error.js';
import { checkChannelName } from '../channel/channel-name.js';
import type { ChannelSet } from '../channel/channel-set.js';
import type { ReplayResources } from '../replay/replay-resources.js';
import {
  checkChannelCount,
  checkFrom,
  JOIN_OPTION_NAMES,
  type SseJoinOptions,
  type SubscriptionPlan,
} from './subscription-options.js';
import { firstForbidden } from './may-read.js';
import { SubscriptionFeed } from './subscription-feed.js';

/**
 * What `SseBroadcaster.subscribe()` makes, to be returned from a handler.
 *
 * @publicApi
 */
export class SseSubscription implements SharedSource {
  private feeds: SubscriptionFeed[] = [];
  private pruneAt = 8;

  /** @internal */
  constructor(
    private readonly set: ChannelSet,
    private readonly replay: ReplayResources,
    private plan: SubscriptionPlan,
    /** Told of each connection that begins, before anything is sent to it. */
    private readonly onFeed: (feed: SubscriptionFeed) => void,
  ) {}

  /** The names of the channels. */
  get channels(): readonly string[] {
    return this.plan.names;
  }

  /**
   * Adds a channel to the open stream. No effect when the subscription has the channel already.
   *
   * @returns a promise that resolves when the client's position covers the channel: what is published from then on reaches it
   * @throws {SseError} `SSE_INVALID_CHANNEL`, `SSE_INVALID_OPTION`, `SSE_TOO_MANY_CHANNELS`
   */
  async join(channel: string | { readonly name: string }, options: SseJoinOptions = {}): Promise<void> {
    const { from = 'live' } = knownOptions('', options, JOIN_OPTION_NAMES);
    const name = checkChannelName(typeof channel === 'object' ? channel.name : channel);
    const checked = checkFrom('from', from);
    const { names, fromOf } = this.plan;
    if (names.includes(name)) return;
    checkChannelCount(names.length + 1);
    this.set.checkRoom([name]);
    this.plan = {
      ...this.plan,
      names: [...names, name],
      fromOf: (other) => (other === name ? checked : fromOf(other)),
    };
    await Promise.all(this.open.map((feed) => feed.join(name, checked)));
  }

  /** Removes a channel from the open stream. @returns a promise that resolves when the client's position has no part for it */
  async leave(channel: string | { readonly name: string }): Promise<void> {
    const name = checkChannelName(typeof channel === 'object' ? channel.name : channel);
    this.plan = { ...this.plan, names: this.plan.names.filter((other) => other !== name) };
    await Promise.all(this.open.map((feed) => feed.leave(name)));
  }

  /** @internal */
  [FEED](connection: Connection, end: StreamEnd): Promise<void> | undefined {
    return connection.options.authorize ? this.feedIfAllowed(connection, end) : this.feed(connection, end);
  }

  private async feedIfAllowed(connection: Connection, end: StreamEnd): Promise<void> {
    try {
      let names: readonly string[];
      // A channel may join meanwhile.
      do {
        names = this.plan.names;
        const forbidden = await firstForbidden(connection, names);
        if (forbidden !== undefined) {
          throw new SseError('SSE_FORBIDDEN', `authorize() did not say yes to the channel ${show(forbidden)}.`);
        }
      } while (names !== this.plan.names);
      await this.feed(connection, end);
    } catch (error) {
      endWithFailure(connection, error, end);
    }
  }

  private feed(connection: Connection, end: StreamEnd): Promise<void> | undefined {
    this.set.checkRoom(this.plan.names);
    const feed = new SubscriptionFeed(connection, this.set, this.replay, this.plan, end);
    if (this.feeds.length >= this.pruneAt) this.pruneAt = 2 * Math.max(4, this.open.length);
    this.feeds.push(feed);
    feed.attach();
    if (feed.isStopped) return undefined;
    this.onFeed(feed);
    return feed.start();
  }

  // Methods that other code calls on what a handler returned. Nest's own `@Sse()` takes it for an Observable, or behind an interceptor for
  // an event, and `@Get()` makes JSON of it.

  /** @internal */
  get id(): never {
    throw misplaced();
  }

  /** @internal */
  toJSON(): never {
    throw misplaced();
  }

  /** @internal */
  subscribe(): never {
    throw misplaced();
  }

  /** @internal */
  lift(): never {
    throw misplaced();
  }

  /** @internal */
  pipe(): never {
    throw misplaced();
  }

  /** @internal */
  [Symbol.asyncIterator](): never {
    throw misplaced();
  }

  /** A subscription may be returned for many requests. */
  private get open(): readonly SubscriptionFeed[] {
    return (this.feeds = this.feeds.filter(({ isStopped }) => !isStopped));
  }
}

function misplaced(): SseError {
  return new SseError(
    'SSE_NOT_CONFIGURED',
    'A subscription of the SseBroadcaster is no Observable, no iterable and no JSON. Return it from a method with @Sse() ' +
      "of nestjs-event-stream: not from one with @Get(), nor with @Sse() of '@nestjs/common'.",
  );
}
