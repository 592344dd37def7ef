import { randomBytes } from 'node:crypto';
import type {
  SseIdempotentBackplane,
  SseObservableBackplane,
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
import { ChannelKeys } from './channel-keys.js';
import { ChannelWatch } from './channel-watch.js';
import { CommandLink } from './command-link.js';
import { connectionMaker } from './connection-maker.js';
import { KnownHeads } from './known-heads.js';
import { ProducerLease } from './producer-lease.js';
import { readPage } from './read-page.js';
import { ReadQueue } from './read-queue.js';
import { type RedisSettings, resolveRedisOptions, type SseRedisOptions } from './redis-backplane-options.js';
import { SilenceCheck } from './silence-check.js';
import { SIGNALS_KEPT, SignalBox } from './signal-box.js';
import { parseRow } from './stored-entry.js';
import { StreamStore } from './stream-store.js';
import { SubscriberPool } from './subscriber-pool.js';
import { Turnstile } from './turnstile.js';
import { closed } from './unavailable.js';

/** Channels that ask the store at once, after a reconnect say: enough to fill the pipe, few enough to leave room in it. */
const CHANNELS_AT_ONCE = 64;

/** Between two tries to read what was missed, in milliseconds, while Redis is away: one command each. */
const RECOVER_EVERY_MS = 300;

/** How long signals are kept for nodes that are away, in milliseconds: longer than any link is replaced in. */
const SIGNAL_TTL_MS = 300_000;

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
  implements SseIdempotentBackplane, SseObservableBackplane, SseSignallingBackplane, SseTimedBackplane
{
  readonly retains = true;
  readonly isIdempotent = true;

  private readonly options: RedisSettings;
  private readonly keys: ChannelKeys;
  private readonly link: CommandLink;
  private readonly pool: SubscriberPool;
  private readonly store: StreamStore;
  private readonly watches = new Map<string, ChannelWatch>();
  private readonly heads = new KnownHeads();
  private readonly reads: ReadQueue;
  private readonly leases = new Map<string, ProducerLease>();
  private readonly turnstile = new Turnstile(CHANNELS_AT_ONCE);
  private signals: SignalBox | undefined;
  private readonly checks: SilenceCheck;
  private recovery: Promise<void> | undefined;
  private isClosed = false;

  /** @throws {SseError} `SSE_INVALID_OPTION`. Nothing is connected before it is needed. */
  constructor(options: Partial<SseRedisOptions>) {
    super();
    const { url, client, ...settings } = resolveRedisOptions(options);
    this.options = settings;
    this.keys = new ChannelKeys(this.options.prefix);
    this.link = new CommandLink(connectionMaker({ url, client }, settings.publishTimeoutMs), settings);
    this.pool = new SubscriberPool(this.link, this.options);
    this.store = new StreamStore(this.link, this.keys, this.options);
    const { checkIntervalMs, idleTtlMs, publishTimeoutMs } = this.options;
    this.reads = new ReadQueue(publishTimeoutMs);
    this.checks = new SilenceCheck(this.store, () => this.watches.values(), checkIntervalMs, idleTtlMs);
  }

  publish(channel: string, event: SseBackplaneEvent, settings: SsePublishSettings): Promise<string> {
    if (this.isClosed) return Promise.reject(closed());
    const stream = this.keys.stream(channel);
    const lease = this.leases.get(stream);
    const known = this.heads.newest(stream, this.watches.get(stream)?.position);
    const published = this.store.publish(stream, event, settings, { token: lease?.token, known }).then((answer) => {
      const isNew = typeof answer === 'string';
      const position = isNew ? answer : answer[0];
      this.heads.note(stream, position);
      if (!isNew) settings.onKnown?.(answer[1] ? parseRow(answer[1]).event : undefined);
      return position;
    });
    return lease ? lease.guard(published) : published;
  }

  subscribe(channel: string, listener: SseBackplaneListener): SseBackplaneSubscription {
    if (this.isClosed) return { close: () => undefined };
    const stream = this.keys.stream(channel);
    let watch = this.watches.get(stream);
    if (!watch) {
      const settled = () => this.pool.settled(stream);
      watch = new ChannelWatch(stream, this.store, (work) => this.ask(work), settled);
      this.watches.set(stream, watch);
      this.pool.add(stream, watch);
      this.checkRegularly();
    }
    const { listeners } = watch;
    watch.listen(listener);
    return {
      close: () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        watch.close();
        if (this.watches.get(stream) !== watch) return;
        this.watches.delete(stream);
        this.pool.remove(stream);
      },
    };
  }

  async read(channel: string, after: string | undefined, limit: number, maxBytes?: number): Promise<SseBackplanePage> {
    if (this.isClosed) throw closed();
    const stream = this.keys.stream(channel);
    return await this.reads.run(this.link.addressOf(stream), () =>
      readPage(this.store, stream, after, { limit, maxBytes }),
    );
  }

  async signal(message: string): Promise<void> {
    if (this.isClosed) throw closed();
    await this.store.signal(message, SIGNALS_KEPT, SIGNAL_TTL_MS);
  }

  onSignal(listener: (message: string, ageMs: number) => void): void {
    if (this.isClosed) return;
    this.signals = new SignalBox(this.store, listener);
    this.pool.add(this.keys.signals, this.signals);
    this.checkRegularly();
  }

  async positionBefore(channel: string, time: number): Promise<string | undefined> {
    if (this.isClosed) throw closed();
    return await this.store.positionBefore(this.keys.stream(channel), time);
  }

  /**
   * Makes this node the only producer of a channel, until it releases it or is silent for `producerTtlMs`. In the latter
   * case some node that watches the channel, or the next one that looks, stores `lastWords` in its place, once; and
   * what this node still publishes to the channel is refused.
   *
   * @param onLost called when it is found that another took over
   * @returns `undefined` if another node produces
   */
  async produce(
    channel: string,
    lastWords: readonly SseBackplaneEvent[],
    { history }: Pick<SsePublishSettings, 'history'>,
    onLost: () => void,
  ): Promise<{ release(): Promise<void> } | undefined> {
    if (this.isClosed) throw closed();
    const stream = this.keys.stream(channel);
    if (this.leases.has(stream)) return undefined;
    const token = randomBytes(12).toString('base64url');
    const { producerTtlMs } = this.options;
    const forget = (): void => {
      if (this.leases.get(stream) === lease) this.leases.delete(stream);
    };
    const lease = new ProducerLease(stream, token, this.store, producerTtlMs, { events: lastWords, history }, () => {
      forget();
      onLost();
    });
    this.leases.set(stream, lease);
    const isOurs = await lease.acquire().catch((error: unknown) => {
      forget();
      throw error;
    });
    if (!isOurs) {
      forget();
      return undefined;
    }
    return {
      release: () => {
        forget();
        return lease.release();
      },
    };
  }

  async health(): Promise<{ readonly isUp: boolean; readonly details: Readonly<Record<string, unknown>> }> {
    const error = await this.link.send(this.keys.signals, ['EXISTS', this.keys.signals]).then(
      () => undefined,
      (reason: Error) => reason.message,
    );
    const behind = [...this.watches.values()].filter((watch) => watch.isBehind).length;
    const isUp = error === undefined && this.pool.isWhole && behind === 0;
    return {
      isUp,
      details: {
        status: isUp ? 'up' : 'degraded',
        ...(error === undefined ? {} : { error }),
        pending: this.link.pending,
        readsWaiting: this.reads.waiting,
        channels: this.watches.size,
        channelsBehind: behind,
        listeningConnections: this.pool.connections,
      },
    };
  }

  /** Lets what is being published finish, then closes the connections that the backplane opened; none of the application's. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.checks.stop();
    this.signals?.close();
    for (const watch of this.watches.values()) watch.close();
    this.watches.clear();
    this.pool.close();
    // A producer that ends with its application has not died: whoever stops it says why.
    await Promise.all([...this.leases.values()].map((lease) => lease.release()));
    this.leases.clear();
    await this.link.close();
  }

  /** What JSON, and by it a logger, shows: what is inside could tell how Redis is reached. */
  toJSON(): object {
    return { prefix: this.options.prefix, isClosed: this.isClosed };
  }

  /** The same for `console` and `util.inspect()`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `RedisBackplane ${JSON.stringify(this)}`;
  }

  private async ask(work: () => Promise<void>): Promise<void> {
    await this.turnstile.run(work);
    this.recover();
  }

  private checkRegularly(): void {
    this.checks.start(() => {
      if (this.signals?.isBehind) void this.signals.catchUp();
      this.recover();
    });
  }

  /** Reads what was missed while Redis was away, as soon as it is back: one channel tries, and then all. */
  private recover(): void {
    if (this.recovery || this.isClosed) return;
    this.recovery = this.tryAgain().finally(() => (this.recovery = undefined));
  }

  private async tryAgain(): Promise<void> {
    // Another one each time: what keeps one of them from being read may be its own affair.
    for (let turn = 0; ; turn++) {
      const behind = [...this.watches.values()].filter((watch) => watch.isHeard && watch.isBehind && !watch.isBusy);
      const first = behind[turn % behind.length];
      if (!first || this.isClosed) return;
      await first.catchUp();
      if (!first.isBehind)
        for (const watch of behind)
          if (watch.isBehind) void watch.catchUp();
          else await new Promise((resolve) => setTimeout(resolve, RECOVER_EVERY_MS).unref());
    }
  }
}
