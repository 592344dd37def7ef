import type {
  SseIdempotentBackplane,
  SseObservableBackplane,
  SseProducerLease,
  SseProducingBackplane,
  SseSignallingBackplane,
  SseTimedBackplane,
} from '../backplane/abilities.js';
import {
  SseBackplane,
  type SseBackplaneEvent,
  type SseBackplaneListener,
  type SseBackplanePage,
  type SseBackplaneSubscription,
  type SsePublishSettings,
} from '../backplane/backplane.js';
import { ChannelFollowers } from '../following/channel-followers.js';
import { HeadCache } from '../following/head-cache.js';
import { ProducerLeases } from '../following/producer-leases.js';
import { readPage } from '../following/read-page.js';
import { ReadQueue } from '../following/read-queue.js';
import { SignalInbox } from '../following/signal-inbox.js';
import { backplaneClosed } from '../following/store-error.js';
import { ChannelKeys } from './channel-keys.js';
import { CommandLink } from './command-link.js';
import { connectionMaker, makesCluster } from './connection-maker.js';
import { RedisLeaseStore } from './lease-store.js';
import { type RedisSettings, resolveRedisOptions, type SseRedisOptions } from './redis-backplane-options.js';
import { redisUnavailable } from './redis-error.js';
import { RedisNotifications } from './redis-notifications.js';
import { ScriptRunner } from './script-runner.js';
import { RedisSignalStore } from './signal-store.js';
import { parseRow } from './stored-entry.js';
import { StreamStore } from './stream-store.js';
import { SubscriberPool } from './subscriber-pool.js';

/**
 * A backplane on Redis Streams, for more than one node: Redis 7 or later, or Valkey, alone, replicated or as a cluster.
 *
 * One stream per channel is the store, and an entry's id is its position. A publish is one script, which appends, refers
 * to the entry before, bounds the stream and notifies; each node listens on one connection (one per shard of a cluster)
 * and tells its listeners only what came from there.
 *
 * @example
 * SseModule.forRoot({ backplane: new RedisBackplane({ url: 'redis://localhost:6379' }) })
 *
 * @publicApi
 */
export class RedisBackplane
  extends SseBackplane
  implements
    SseIdempotentBackplane,
    SseObservableBackplane,
    SseProducingBackplane,
    SseSignallingBackplane,
    SseTimedBackplane
{
  readonly retains = true;
  readonly isIdempotent = true;

  private readonly options: RedisSettings;
  private readonly keys: ChannelKeys;
  private readonly link: CommandLink;
  /** Reads have connections of their own: a publish never stands behind an answer of a megabyte. */
  private readonly readLink: CommandLink;
  private readonly store: StreamStore;
  private readonly pool: SubscriberPool;
  private readonly notifications: RedisNotifications;
  private readonly followers: ChannelFollowers;
  private readonly heads: HeadCache;
  private readonly reads: ReadQueue;
  private readonly leases: ProducerLeases;
  private readonly signals: RedisSignalStore;
  private inbox: SignalInbox | undefined;
  private isClosed = false;

  /** @throws {SseError} `SSE_INVALID_OPTION`. Nothing is connected before it is needed. */
  constructor(options: Partial<SseRedisOptions>) {
    super();
    const { url, client, ...settings } = resolveRedisOptions(options);
    const { prefix, publishTimeoutMs, producerTtlMs, checkIntervalMs, idleTtlMs } = (this.options = settings);
    const keys = (this.keys = new ChannelKeys(prefix));
    const make = connectionMaker({ url, client }, publishTimeoutMs);
    const link = (this.link = new CommandLink(make, settings));
    const readLink = (this.readLink = new CommandLink(make, settings));
    const isCluster = makesCluster(client);
    const scripts = new ScriptRunner(link, isCluster);
    this.store = new StreamStore(link, scripts, new ScriptRunner(readLink, isCluster), keys, settings);
    this.pool = new SubscriberPool(link, settings);
    this.notifications = new RedisNotifications(this.pool);
    const afterRound = () => {
      if (this.inbox?.isBehind) void this.inbox.catchUp();
    };
    this.followers = new ChannelFollowers(this.store, this.notifications, { checkIntervalMs, idleTtlMs, afterRound });
    this.heads = new HeadCache(this.store.order.compare);
    this.reads = new ReadQueue(publishTimeoutMs, (what) => redisUnavailable(what, 'not sent'));
    const leases = new RedisLeaseStore(scripts, keys, settings, (...args) => this.put(...args));
    this.leases = new ProducerLeases(leases, producerTtlMs);
    this.signals = new RedisSignalStore(scripts, keys.signals);
  }

  publish(channel: string, event: SseBackplaneEvent, settings: SsePublishSettings): Promise<string> {
    if (this.isClosed) return Promise.reject(backplaneClosed());
    return this.put(this.keys.stream(channel), event, settings);
  }

  subscribe(channel: string, listener: SseBackplaneListener): SseBackplaneSubscription {
    return this.followers.listen(this.keys.stream(channel), listener);
  }

  async read(channel: string, after: string | undefined, limit: number, maxBytes?: number): Promise<SseBackplanePage> {
    if (this.isClosed) throw backplaneClosed();
    const stream = this.keys.stream(channel);
    const bounds = { limit, maxBytes };
    return await this.reads.run(this.readLink.addressOf(stream), () => readPage(this.store, stream, after, bounds));
  }

  async signal(message: string): Promise<void> {
    if (this.isClosed) throw backplaneClosed();
    await this.signals.signal(message);
  }

  onSignal(listener: (message: string, ageMs: number) => void): void {
    if (this.isClosed) return;
    this.inbox = new SignalInbox(this.signals, listener);
    this.notifications.listenToSignals(this.signals.key, this.inbox);
    this.followers.checkRegularly();
  }

  async positionBefore(channel: string, time: number): Promise<string | undefined> {
    if (this.isClosed) throw backplaneClosed();
    return await this.store.positionBefore(this.keys.stream(channel), time);
  }

  /**
   * Makes this node the only producer of a channel, until it ends or releases it, or is silent for `producerTtlMs`. In the last
   * case some node that watches the channel, or the next one that looks, stores `lastWords` in its place, once; and
   * what this node still produces is refused.
   *
   * @param onLost called when it is found that another took over, or that Redis has lost its data
   * @returns `undefined` if another node produces
   */
  async produce(
    channel: string,
    lastWords: readonly SseBackplaneEvent[],
    { history }: Pick<SsePublishSettings, 'history'>,
    onLost: (why: 'taken' | 'gone') => void,
  ): Promise<SseProducerLease | undefined> {
    if (this.isClosed) throw backplaneClosed();
    return await this.leases.acquire(this.keys.stream(channel), { events: lastWords, history }, onLost);
  }

  async producing(channel: string): Promise<{ producer: string | undefined; newest: SseBackplaneEvent | undefined }> {
    if (this.isClosed) throw backplaneClosed();
    return await this.store.producing(this.keys.stream(channel));
  }

  async health(): Promise<{ readonly isUp: boolean; readonly details: Readonly<Record<string, unknown>> }> {
    const error = await this.link.send(this.keys.signals, ['EXISTS', this.keys.signals]).then(
      () => undefined,
      (reason: Error) => reason.message,
    );
    const { behind, size } = this.followers;
    const isUp = error === undefined && this.pool.isWhole && behind === 0;
    return {
      isUp,
      details: {
        status: isUp ? 'up' : 'degraded',
        ...(error === undefined ? {} : { error }),
        pending: this.link.pending + this.readLink.pending,
        readsWaiting: this.reads.waiting,
        channels: size,
        channelsBehind: behind,
        listeningConnections: this.pool.connections,
      },
    };
  }

  /** Lets what is being published finish, then closes the connections that the backplane opened; none of the application's. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.inbox?.close();
    this.followers.close();
    this.pool.close();
    await Promise.all([this.store.close(), this.leases.close()]);
    await Promise.all([this.link.close(), this.readLink.close()]);
  }

  private async put(
    stream: string,
    event: SseBackplaneEvent,
    settings: SsePublishSettings,
    producer?: { readonly token: string; readonly number: number },
  ): Promise<string> {
    const known = this.heads.newest(stream, this.followers.positionOf(stream));
    const answer = await this.store.publish(stream, event, settings, known, producer);
    const isNew = typeof answer === 'string';
    const position = isNew ? answer : answer[0];
    this.heads.note(stream, position);
    if (!isNew) settings.onKnown?.(answer[1] ? parseRow(answer[1]).event : undefined);
    return position;
  }

  /** What JSON, and by it a logger, shows: what is inside could tell how Redis is reached. */
  toJSON(): object {
    return { prefix: this.options.prefix, isClosed: this.isClosed };
  }

  /** The same for `console` and `util.inspect()`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `RedisBackplane ${JSON.stringify(this)}`;
  }
}
