import { applicationClosed } from '../backplane/application-closed.js';
import type { SseBackplane } from '../backplane/backplane.js';
import { NodeSignals } from '../backplane/node-signals.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { SseConnection } from '../connection/sse-connection.js';
import { integerOption, knownOptions, type OptionNames } from '../protocol/check-option.js';
import type { SseErrorEventFactory } from '../protocol/client-events.js';
import type { SseSerialize } from '../protocol/encoder.js';
import type { SseValuesAs } from '../protocol/sse-event-like.js';
import { checkChannelName } from '../channel/channel-name.js';
import type { ChannelOptions } from '../channel/channel-options.js';
import type { Channel } from '../channel/channel.js';
import { ChannelSet } from '../channel/channel-set.js';
import type {
  SseChannel,
  SseChannelRef,
  SseEventMap,
  SseEventOf,
  SseStoredEventOf,
} from '../channel/define-channel.js';
import { Kicks, type SseDisconnectOptions } from './kicks.js';
import { KeptEvents } from './kept-events.js';
import { Memberships } from './memberships.js';
import { Publisher } from './publisher.js';
import type { SseTags } from './tags.js';
import type { SseProduceOptions, SseProductionsOptions } from '../production/production-options.js';
import type { SseProductionStatus } from '../production/production-outcome.js';
import type { SseProducer, SseProduction } from '../production/production.js';
import { Productions } from '../production/productions.js';
import { ReplayResources } from '../replay/replay-resources.js';
import { SseSubscription } from '../subscription/sse-subscription.js';
import type { SseStoredEvent } from '../protocol/sse-stored-event.js';
import {
  JOIN_OPTION_NAMES,
  resolvePlan,
  type SseJoinOptions,
  type SseSubscribeOptions,
} from '../subscription/subscription-options.js';
import type { SubscriptionFeed } from '../subscription/subscription-feed.js';

export interface SsePublishOptions {
  /**
   * A name for this publish, of 1 to 128 bytes. Of several publishes to a channel with the same key, only the first is stored.
   * So you can try again when you do not know whether a publish was stored.
   *
   * @default none: each publish is stored
   */
  key?: string;
}

export interface SseHistoryQuery {
  /** The id of an event: only what follows it. @default the oldest event that is kept */
  after?: string;
  /** @default 100 */
  limit?: number;
}

const PUBLISH_OPTION_NAMES: OptionNames<SsePublishOptions> = { key: true };
const HISTORY_QUERY_NAMES: OptionNames<SseHistoryQuery> = { after: true, limit: true };

/** What the broadcaster needs of the application. */
export interface BroadcasterOptions {
  readonly channels: ChannelOptions;
  readonly productions: SseProductionsOptions;
  readonly serialize: SseSerialize;
  readonly errorEvent: SseErrorEventFactory;
  /** What the values of productions are. */
  readonly as: SseValuesAs;
  readonly report: (error: unknown) => void;
}

/**
 * Publishes events to channels, and makes the subscriptions that handlers return.
 *
 * @publicApi
 */
export class SseBroadcaster {
  private readonly set: ChannelSet;
  private readonly replay: ReplayResources;
  private readonly kicks: Kicks;
  private readonly memberships: Memberships;
  private readonly productions: Productions;
  private readonly admit = (feed: SubscriptionFeed): void => this.memberships.admit(feed);
  private readonly publisher: Publisher;
  private readonly kept: KeptEvents;
  private isClosed = false;

  /** @internal */
  constructor(
    registry: ConnectionRegistry,
    private readonly backplane: SseBackplane,
    private readonly options: BroadcasterOptions,
  ) {
    this.set = new ChannelSet(backplane, options.channels, options.report);
    this.kept = new KeptEvents(backplane, this.set);
    this.replay = new ReplayResources(backplane, registry.observer);
    this.publisher = new Publisher(backplane, this.set, {
      serialize: options.serialize,
      observer: registry.observer,
      state: this.replay.state,
      historyOf: (name) => this.productions.historyOf(name),
    });
    const signals = new NodeSignals(backplane, options.report);
    this.productions = new Productions(backplane, signals, {
      ...options,
      settingsOf: (name) => this.set.settingsOf(name),
      store: (name, event, as) => this.publisher.storeProduced(name, event, as),
      stored: (name, waitedMs) => registry.observer.published(name, waitedMs),
      endingOf: (name) => this.set.find(name)?.ending,
    });
    this.memberships = new Memberships(registry, signals, this.set, options.report);
    this.kicks = new Kicks(registry, signals, options.serialize, options.report);
  }

  /**
   * Stores an event at the end of a channel and sends it to all who are subscribed to it, on all nodes.
   *
   * @returns the event as it was stored, with its id. It resolves when the backplane has stored the event. For a `key` that is
   *   known already, it is the event that was stored first, or its id alone when that event is not kept any more
   * @throws {SseError} at once, when the event, the name of the channel or the key is not valid. Nothing is stored then
   * @throws {SseError} as a rejection, `SSE_BACKPLANE_UNAVAILABLE`, `SSE_TOO_MANY_CHANNELS` or `SSE_CLOSED`
   */
  publish<Channel extends SseChannelRef>(
    channel: Channel,
    event: SseEventOf<Channel>,
    options: SsePublishOptions = {},
  ): Promise<SseStoredEvent> {
    const { key } = knownOptions('', options, PUBLISH_OPTION_NAMES);
    return this.publisher.publish(nameOf(channel), event, key);
  }

  /**
   * Makes a source for handlers: the events of the channels from now on, or from where the client left off.
   *
   * @throws {SseError} `SSE_INVALID_CHANNEL`, `SSE_INVALID_OPTION`; `SSE_CLOSED` once the application has closed
   */
  // An overload of its own: the compiler then reads `type: 'created'` in what a snapshot returns as that type, not as any text.
  subscribe<Events extends SseEventMap>(
    channel: SseChannel<Events>,
    options?: SseSubscribeOptions<SseChannel<Events>>,
  ): SseSubscription;
  subscribe<Channel extends SseChannelRef>(
    channels: Channel | readonly Channel[],
    options?: SseSubscribeOptions<Channel>,
  ): SseSubscription;
  subscribe(channels: SseChannelRef | readonly SseChannelRef[], options?: unknown): SseSubscription {
    const names = [
      ...new Set((Array.isArray(channels) ? (channels as SseChannelRef[]) : [channels as SseChannelRef]).map(nameOf)),
    ];
    if (this.isClosed) throw applicationClosed();
    const plan = resolvePlan(names, options ?? {});
    return new SseSubscription(this.set, this.replay, plan, this.admit);
  }

  /** Ends a channel: subscribers get what is left, and then their streams end. No effect on a channel that has ended. */
  async end(channel: SseChannelRef): Promise<void> {
    const name = nameOf(channel);
    if (this.isClosed) throw applicationClosed();
    await this.publisher.end(name);
  }

  /** The events that are kept, oldest first. None, when `after` is not known any more. */
  history<Channel extends SseChannelRef>(
    channel: Channel,
    query?: SseHistoryQuery,
  ): Promise<SseStoredEventOf<Channel>[]>;
  async history(channel: SseChannelRef, query: SseHistoryQuery = {}): Promise<SseStoredEvent[]> {
    const name = nameOf(channel);
    const { after, limit = 100 } = knownOptions('', query, HISTORY_QUERY_NAMES);
    integerOption('limit', limit, 1, 10_000);
    if (this.isClosed) throw applicationClosed();
    return await this.kept.events(name, limit, after);
  }

  /**
   * Whether the channel has something to read, or something is being produced into it, on any node. A handler may answer
   * `null` (204) when it is false.
   */
  async exists(channel: SseChannelRef): Promise<boolean> {
    const name = nameOf(channel);
    if (this.isClosed) throw applicationClosed();
    return this.productions.has(name) || (await this.kept.exists(name));
  }

  /** How many connections of this node are subscribed to the channel. */
  subscribers(channel: SseChannelRef): number {
    return this.set.find(nameOf(channel))?.readers ?? 0;
  }

  /**
   * Runs a source into a channel. It does not depend on a request: clients join, leave, resume, and read it after its end,
   * until the channel's history expires. What the channel held before is dropped.
   *
   * A function makes the source once this production has the channel. It gets a signal, which is aborted when the production is
   * stopped, fails or meets its deadline. Give the signal to what makes the events, for example a `fetch`.
   *
   * When the source fails, an error event and the end are stored. While the store is away, the source waits, and each event is
   * tried again for `productions.unavailableMs`. All events are kept from the first one until the channel expires, whatever the
   * bounds of the history are.
   *
   * @returns a promise that resolves when it has started
   * @throws {SseError} as a rejection: `SSE_PRODUCER_RUNNING` when one runs into the channel already, on any node;
   *   `SSE_TOO_MANY_PRODUCTIONS`, `SSE_INVALID_SOURCE`, `SSE_INVALID_OPTION`, `SSE_CLOSED`
   * @example
   * await broadcaster.produce(`answers/${id}`, (signal) => model.stream(prompt, { signal }), { batch: true });
   */
  produce<Events extends SseEventMap>(
    channel: SseChannel<Events>,
    source: SseProducer | object,
    options?: SseProduceOptions<SseChannel<Events>>,
  ): Promise<SseProduction>;
  produce<Channel extends SseChannelRef>(
    channel: Channel,
    source: SseProducer | object,
    options?: SseProduceOptions<Channel>,
  ): Promise<SseProduction>;
  async produce(channel: SseChannelRef, source: SseProducer | object, options: unknown = {}): Promise<SseProduction> {
    return await this.productions.produce(nameOf(channel), source, options as SseProduceOptions);
  }

  /**
   * Stops what is produced into the channel, on every node. The signal is aborted at once, and the end is stored.
   *
   * @returns whether something was produced. The promise resolves when the end is stored; for another node, after 5 s at most
   * @throws {SseError} as a rejection, `SSE_BACKPLANE_UNAVAILABLE`, when nobody knows whether another node produces
   */
  async stop(channel: SseChannelRef): Promise<boolean> {
    return await this.productions.stop(nameOf(channel));
  }

  /**
   * Tells what has become of what was produced into the channel, on any node: it is running, has completed, has failed or was
   * stopped. `none`: nothing was produced, or it has expired.
   *
   * @throws {SseError} as a rejection, `SSE_BACKPLANE_UNAVAILABLE`
   */
  async status(channel: SseChannelRef): Promise<SseProductionStatus> {
    const name = nameOf(channel);
    if (this.isClosed) throw applicationClosed();
    return await this.productions.status(name);
  }

  /**
   * Closes connections. A predicate picks connections of this node. Tags pick connections of all nodes: those that have the
   * tags in their `context`.
   *
   * A client first gets what was published to its channels before, and then the last event, if there is one. A request
   * that is still opening is compared when its headers are sent, and is closed then.
   *
   * @param options the reason, as text for logs, or an object with more
   * @returns how many open connections of this node were closed
   * @throws {SseError} `SSE_INVALID_OPTION` when there are no tags, or a tag is not a string, a finite number or a boolean
   */
  disconnect(
    which: ((connection: SseConnection) => boolean) | SseTags,
    options?: string | SseDisconnectOptions,
  ): number {
    return this.kicks.disconnect(which, options);
  }

  /**
   * Adds a channel to the open subscriptions of all connections that have the tags in their `context`, on all nodes: a
   * user enters a room, for example. The streams stay open, and get what is published from now on.
   *
   * @returns how many connections of this node joined. It resolves when the positions of their clients cover the channel
   * @throws {SseError} as a rejection, `SSE_INVALID_OPTION`, `SSE_INVALID_CHANNEL`, `SSE_BACKPLANE_UNAVAILABLE`
   */
  async join(tags: SseTags, channel: SseChannelRef, options: SseJoinOptions = {}): Promise<number> {
    const { from = 'live' } = knownOptions('', options, JOIN_OPTION_NAMES);
    if (this.isClosed) throw applicationClosed();
    return await this.memberships.join(tags, nameOf(channel), from);
  }

  /** Removes a channel from the open subscriptions of all connections that have the tags. The opposite of {@link join}. */
  async leave(tags: SseTags, channel: SseChannelRef): Promise<number> {
    if (this.isClosed) throw applicationClosed();
    return await this.memberships.leave(tags, nameOf(channel));
  }

  /**
   * The channels that this node knows.
   *
   * @internal
   */
  get known(): Iterable<Channel> {
    return this.set;
  }

  /** @internal */
  get counts(): { channels: number; productions: number; isBackplaneUp: boolean } {
    return { channels: this.set.size, productions: this.productions.size, isBackplaneUp: this.replay.state.isUp };
  }

  /**
   * Ends everything that is produced here. What does not end by itself within the time ends with an announced error; if
   * nobody could read it elsewhere, it is not waited for.
   *
   * @param withinMs milliseconds
   * @internal
   */
  async stopAll(withinMs = 0): Promise<void> {
    await this.productions.settle(this.backplane.retains ? withinMs : 0);
    await this.productions.stopAll();
  }

  /**
   * Lets go of the backplane and of all channels. Never rejects.
   *
   * @internal
   */
  async close(): Promise<void> {
    await this.stopAll();
    this.isClosed = true;
    this.publisher.close();
    this.replay.close();
    this.set.close();
    await this.backplane.close();
  }
}

function nameOf(channel: SseChannelRef): string {
  return checkChannelName(typeof channel === 'object' ? channel?.name : channel);
}
