import { applicationClosed } from '../backplane/application-closed.js';
import { isIdempotent } from '../backplane/abilities.js';
import type { SseBackplane, SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { Observer } from '../connection/observer.js';
import type { SseConnection } from '../connection/sse-connection.js';
import type { SseErrorEventFactory } from '../protocol/error-event.js';
import { integerOption, invalidOption } from '../protocol/check-option.js';
import type { SseSerialize } from '../protocol/encoder.js';
import { toEventInit, type SseValuesAs } from '../protocol/sse-event-like.js';
import { checkChannelName } from '../channel/channel-name.js';
import type { ChannelOptions } from '../channel/channel-options.js';
import { ChannelSet } from '../channel/channel-set.js';
import type {
  SseChannel,
  SseChannelRef,
  SseEventMap,
  SseEventOf,
  SseStoredEventOf,
} from '../channel/define-channel.js';
import type { SseTags } from './kick-message.js';
import { Kicks, type SseDisconnectOptions } from './kicks.js';
import { Memberships } from './memberships.js';
import type { SseProduceOptions, SseProductionsOptions } from '../production/production-options.js';
import type { SseProductionStatus } from '../production/production-outcome.js';
import type { SseProducer, SseProduction } from '../production/production.js';
import { Productions } from '../production/productions.js';
import { ReplayResources } from '../replay/replay-resources.js';
import { readLog, readLogInTurns, readStore } from '../channel/channel-history.js';
import { SseSubscription } from '../subscription/sse-subscription.js';
import type { SseStoredEvent } from '../protocol/sse-stored-event.js';
import { toStored } from '../channel/stored-event.js';
import {
  checkChannelCount,
  resolveFrom,
  resolveSnapshot,
  type SseJoinOptions,
  type SseSubscribeOptions,
} from '../subscription/subscription-options.js';
import type { SubscriptionFeed } from '../subscription/subscription-feed.js';

/** The first events of a channel, with room for what else a life begins with. */
const EXISTS_PAGE = 10;

/** The store remembers keys for a while, each beside the name of its channel. */
const MAX_KEY_BYTES = 128;

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
  private readonly observer: Observer;
  private isClosed = false;

  /** @internal */
  constructor(
    registry: ConnectionRegistry,
    private readonly backplane: SseBackplane,
    private readonly options: BroadcasterOptions,
  ) {
    this.observer = registry.observer;
    this.set = new ChannelSet(backplane, options.channels, options.report);
    this.replay = new ReplayResources(backplane, registry.observer);
    this.productions = new Productions(backplane, {
      ...options,
      settingsOf: (name) => this.set.settingsOf(name),
      store: (name, event, key) => this.storeProduced(name, event, key),
      endingOf: (name) => this.set.find(name)?.ending,
    });
    this.memberships = new Memberships(registry, backplane, this.set, options.report);
    this.kicks = new Kicks(
      registry,
      backplane,
      options.serialize,
      options.report,
      (message, ageMs) => this.memberships.hear(message, ageMs) || this.productions.hear(message, ageMs),
    );
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
    { key }: SsePublishOptions = {},
  ): Promise<SseStoredEvent> {
    const name = nameOf(channel);
    const stored = toStored(toEventInit(event), this.options.serialize);
    if (key !== undefined) this.checkKey(key);
    if (this.isClosed) return Promise.reject(applicationClosed());
    const { type, data } = stored;
    let first: Omit<SseStoredEvent, 'id'> = stored;
    const result = (id: string): SseStoredEvent => {
      if (first === stored) this.observer.published(name);
      return key === undefined ? { id, type, data } : this.storedWithKey(name, id, first);
    };
    const onKnown = (known: SseBackplaneEvent | undefined): void => {
      first = known ?? {};
    };
    try {
      const position = this.store(name, stored, key, key === undefined ? undefined : onKnown);
      return typeof position === 'string' ? Promise.resolve(result(position)) : position.then(result);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /**
   * Makes a source for handlers: the events of the channels from now on, or from where the client left off.
   *
   * @throws {SseError} `SSE_INVALID_CHANNEL`, `SSE_INVALID_OPTION`; `SSE_CLOSED` once the application has closed
   */
  // By itself, so that the compiler reads `type: 'created'` in what a snapshot returns as that type, not as any text.
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
    checkChannelCount(names.length);
    if (this.isClosed) throw applicationClosed();
    const { from, snapshot, ...hooks } = (options ?? {}) as SseSubscribeOptions;
    const plan = {
      ...hooks,
      names,
      fromOf: resolveFrom(from),
      snapshot: resolveSnapshot(snapshot),
      gapType: this.options.channels.gapType,
    };
    return new SseSubscription(this.set, this.replay, plan, this.admit);
  }

  /** Ends a channel: subscribers get what is left, and then their streams end. No effect on a channel that has ended. */
  async end(channel: SseChannelRef): Promise<void> {
    const name = nameOf(channel);
    if (this.isClosed) throw applicationClosed();
    await this.store(name, { kind: 'end' });
  }

  /** The events that are kept, oldest first. None, when `after` is not known any more. */
  history<Channel extends SseChannelRef>(
    channel: Channel,
    query?: SseHistoryQuery,
  ): Promise<SseStoredEventOf<Channel>[]>;
  async history(channel: SseChannelRef, { after, limit = 100 }: SseHistoryQuery = {}): Promise<SseStoredEvent[]> {
    const name = nameOf(channel);
    integerOption('limit', limit, 1, 10_000);
    if (this.isClosed) throw applicationClosed();
    const events: SseStoredEvent[] = [];
    if (this.backplane.retains) {
      // One more, because the beginning of a life is an entry too.
      for await (const { event } of readStore(this.backplane, name, limit + 1, after)) {
        if (event && events.push(event) === limit) break;
      }
      return events;
    }
    const log = this.set.find(name)?.log;
    return log ? await readLogInTurns(log, after, limit) : [];
  }

  /**
   * Whether the channel has something to read, or something is being produced into it, on any node. A handler may answer
   * `null` (204) when it is false.
   */
  async exists(channel: SseChannelRef): Promise<boolean> {
    const name = nameOf(channel);
    if (this.isClosed) throw applicationClosed();
    if (this.productions.has(name)) return true;
    if (!this.backplane.retains) {
      const log = this.set.find(name)?.log;
      return log !== undefined && !readLog(log).next().done;
    }
    // What has begun and not ended is produced on another node, also when it has not said anything yet.
    let isGoingOn = false;
    for await (const { event, isStart, isEnd } of readStore(this.backplane, name, EXISTS_PAGE)) {
      if (event) return true;
      isGoingOn = (isGoingOn || isStart) && !isEnd;
    }
    return isGoingOn;
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
  async produce(
    channel: SseChannelRef,
    source: SseProducer | object,
    options: SseProduceOptions = {},
  ): Promise<SseProduction> {
    return await this.productions.produce(nameOf(channel), source, options);
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
  async join(tags: SseTags, channel: SseChannelRef, { from = 'live' }: SseJoinOptions = {}): Promise<number> {
    if (this.isClosed) throw applicationClosed();
    return await this.memberships.join(tags, nameOf(channel), from);
  }

  /** Removes a channel from the open subscriptions of all connections that have the tags. The opposite of {@link join}. */
  async leave(tags: SseTags, channel: SseChannelRef): Promise<number> {
    if (this.isClosed) throw applicationClosed();
    return await this.memberships.leave(tags, nameOf(channel));
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
    this.replay.close();
    this.set.close();
    await this.backplane.close();
  }

  /** What was stored with a key: as the log has it, or else as the backplane says. */
  private storedWithKey(name: string, id: string, { type, data }: Omit<SseStoredEvent, 'id'>): SseStoredEvent {
    const log = this.set.find(name)?.log;
    const number = (log?.cursorAfter(id) ?? 0) - 1;
    return log && number >= log.first ? log.frameAt(number).read() : { id, type, data };
  }

  private checkKey(key: unknown): void {
    const isKey =
      typeof key === 'string' && key !== '' && key.isWellFormed() && Buffer.byteLength(key) <= MAX_KEY_BYTES;
    if (!isKey) throw invalidOption('key', key, `a string of 1 to ${MAX_KEY_BYTES} bytes`);
    if (!isIdempotent(this.backplane)) {
      throw invalidOption('key', key, 'none with this backplane, which would store the event again');
    }
  }

  private storeProduced(name: string, event: SseBackplaneEvent, key: string | undefined): string | Promise<string> {
    const position = this.store(name, event, key);
    if (event.kind !== 'event') return position;
    const tell = () => this.observer.published(name);
    if (typeof position === 'string') tell();
    // Whoever stores it is told of a failure.
    else void position.then(tell, () => undefined);
    return position;
  }

  private store(
    name: string,
    event: SseBackplaneEvent,
    key?: string,
    onKnown?: SsePublishSettings['onKnown'],
  ): string | Promise<string> {
    // A backplane that only orders has no store but the channel's log.
    if (!this.backplane.retains) this.set.get(name);
    return this.backplane.publish(name, event, { history: this.productions.historyOf(name), key, onKnown });
  }
}

function nameOf(channel: SseChannelRef): string {
  return checkChannelName(typeof channel === 'object' ? channel?.name : channel);
}
