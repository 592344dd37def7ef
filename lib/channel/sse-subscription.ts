import { FEED, type SharedSource } from '../connection/shared-source.js';
import type { Connection } from '../connection/connection.js';
import type { SseConnection } from '../connection/sse-connection.js';
import type { StreamEnd } from '../connection/stream-end.js';
import { SseError } from '../protocol/sse-error.js';
import { checkChannelName } from './channel-name.js';
import type { ChannelSet } from './channel-set.js';
import type { SseChannelRef, SseEventOf, SseStoredEventOf } from './define-channel.js';
import type { SseFrom } from './place.js';
import type { SnapshotPlan } from './snapshot-loads.js';
import { checkChannelCount, checkFrom } from './subscription-checks.js';
import { SubscriptionFeed } from './subscription-feed.js';

/** Makes the state that a client starts from. An event without an id: the channel gives ids. */
export type SseSnapshotLoader<Channel extends SseChannelRef = string> = () =>
  SseEventOf<Channel> | Promise<SseEventOf<Channel>>;

/**
 * A snapshot that is the same for all who subscribe to the same channels: those who need it at the same moment get it from
 * one call.
 */
export interface SseSharedSnapshot<Channel extends SseChannelRef = string> {
  readonly load: SseSnapshotLoader<Channel>;
  /**
   * Names all that it depends on beside the channels, the user or the tenant say: those with the same key get the same
   * one. It has no default, since a state that is made for one user must not reach another.
   */
  readonly key: string;
  /** How long after it was made it is still given to others, in milliseconds. What came since follows it. @default 0 */
  readonly shareForMs?: number;
}

/** What one subscription decides. */
export interface SseSubscribeOptions<Channel extends SseChannelRef = string> {
  /**
   * Where a client begins in a channel that its id says nothing of: because it brings none, or because the channel was
   * added while it was away. With what comes (`'live'`), with the oldest event that is kept (`'earliest'`), behind an
   * event (`{ position: id }`), or with what was published since a moment (`{ time }`). A function says it for each channel.
   *
   * @default 'live'
   */
  from?: SseFrom | ((channel: string) => SseFrom);
  /**
   * Makes the state that a client starts from: called for a client without an id, and after a gap. What is published
   * while it is being made is kept for the client, up to `buffer.maxBytes` beyond the history, and sent after it, so that
   * nothing falls in between.
   */
  snapshot?: SseSnapshotLoader<Channel> | SseSharedSnapshot<Channel>;
  /**
   * Whether the client gets an event. It sees the event as it is stored, the same on every node. What is left out still
   * moves the client's position.
   */
  filter?: (event: SseStoredEventOf<Channel>) => boolean;
  /**
   * Told of each connection that starts to be fed. What it returns is not used, and a promise not waited for; a failure,
   * also of its promise, ends the stream.
   */
  onSubscribe?: (connection: SseConnection) => unknown;
  /** Told, once, of each of them that is fed no longer. A failure is logged. */
  onUnsubscribe?: (connection: SseConnection) => unknown;
}

/** A subscription, with nothing left out. */
export interface SubscriptionPlan extends Omit<SseSubscribeOptions, 'from' | 'snapshot'> {
  readonly names: readonly string[];
  readonly fromOf: (channel: string) => SseFrom;
  readonly snapshot: SnapshotPlan | undefined;
}

/** What a joining channel may differ in. */
export interface SseJoinOptions {
  /** Where the clients begin in the channel. @default 'live' */
  from?: SseFrom;
}

/**
 * What `SseBroadcaster.subscribe()` makes, to be returned from a handler.
 *
 * @publicApi
 */
export class SseSubscription implements SharedSource {
  private feeds: SubscriptionFeed[] = [];
  private pruneAt = 8;

  constructor(
    private readonly set: ChannelSet,
    private plan: SubscriptionPlan,
  ) {}

  /** The names of the channels. */
  get channels(): readonly string[] {
    return this.plan.names;
  }

  /**
   * Adds a channel, while the stream goes on. No effect when it is among them already.
   *
   * @returns when the client's position covers it: what is published from then on reaches the client
   * @throws {SseError} `SSE_INVALID_CHANNEL`, `SSE_INVALID_OPTION`, `SSE_TOO_MANY_CHANNELS`
   */
  async join(channel: string | { readonly name: string }, { from = 'live' }: SseJoinOptions = {}): Promise<void> {
    const name = checkChannelName(typeof channel === 'object' ? channel.name : channel);
    const checked = checkFrom('from', from);
    const { names, fromOf } = this.plan;
    if (names.includes(name)) return;
    checkChannelCount(names.length + 1);
    this.set.checkRoom([name]);
    this.set.checkRoom([name]);
    this.plan = {
      ...this.plan,
      names: [...names, name],
      fromOf: (other) => (other === name ? checked : fromOf(other)),
    };
    await Promise.all(this.open.map((feed) => feed.join(name, checked)));
  }

  /** Takes a channel away, while the stream goes on. @returns when the client's position does not cover it any more */
  async leave(channel: string | { readonly name: string }): Promise<void> {
    const name = checkChannelName(typeof channel === 'object' ? channel.name : channel);
    this.plan = { ...this.plan, names: this.plan.names.filter((other) => other !== name) };
    await Promise.all(this.open.map((feed) => feed.leave(name)));
  }

  [FEED](connection: Connection, end: StreamEnd): Promise<void> | undefined {
    this.set.checkRoom(this.plan.names);
    const feed = new SubscriptionFeed(connection, this.set, this.plan, end);
    if (this.feeds.length >= this.pruneAt) this.pruneAt = 2 * Math.max(4, this.open.length);
    this.feeds.push(feed);
    return feed.start();
  }

  // What others ask of what a handler returned: Nest's own `@Sse()` takes it for an Observable, `@Get()` makes JSON of it.

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
