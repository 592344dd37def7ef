import type {
  SseIdempotentBackplane,
  SseObservableBackplane,
  SseProducerLease,
  SseProducingBackplane,
  SseSignallingBackplane,
  SseTimedBackplane,
} from '../../lib/backplane/abilities.js';
import {
  SseBackplane,
  type SseBackplaneEvent,
  type SseBackplaneListener,
  type SseBackplanePage,
  type SseBackplaneSubscription,
  type SsePublishSettings,
} from '../../lib/backplane/backplane.js';
import { ChannelFollowers } from '../../lib/following/channel-followers.js';
import type {
  ChannelHead,
  ChannelStore,
  PageBounds,
  PositionOrder,
  StoredEntry,
  StoredRange,
} from '../../lib/following/channel-store.js';
import type { ChannelNotifications, Notifications } from '../../lib/following/notifications.js';
import type { LastWords, LeaseStore, ProducerEnd } from '../../lib/following/producer-lease.js';
import { ProducerLeases } from '../../lib/following/producer-leases.js';
import { readPage } from '../../lib/following/read-page.js';
import type { SilenceStore } from '../../lib/following/silence-check.js';
import { SignalInbox, type SignalStore, type StoredSignal } from '../../lib/following/signal-inbox.js';
import { backplaneClosed, storeUnavailable } from '../../lib/following/store-error.js';
import type { FakeBroker, FakeListener } from './fake-broker.js';

/** No lease runs out by time: the broker knows whose connection is gone. */
const LEASE_MS = 600_000;
const CHECK_EVERY_MS = 10;
const FENCED = 'another one produces';
const LOST = 'what came before is not there';

const timeOf = (position: string): number => Number.parseInt(position, 10);

/** The commands of the fake broker: all that is particular to it. */
class FakeStore implements ChannelStore, SilenceStore, LeaseStore, SignalStore, Notifications, FakeListener {
  readonly order: PositionOrder = {
    isPosition: (text) => /^[0-9]{13}-[a-z0-9]{1,16}$/.test(text),
    compare: (a, b) => timeOf(a) - timeOf(b),
    timeOf,
  };
  inbox: SignalInbox | undefined;
  private readonly listeners = new Map<string, ChannelNotifications>();
  private isCut = false;

  constructor(private readonly broker: FakeBroker) {
    broker.listeners.add(this);
  }

  /** Nothing gets through any more, in either direction. */
  cut(): void {
    this.isCut = true;
    this.broker.listeners.delete(this);
    for (const producer of this.broker.producers.values()) if (producer.node === this) producer.isDead = true;
  }

  publish(
    channel: string,
    event: SseBackplaneEvent,
    { history, key }: SsePublishSettings,
  ): Promise<{
    readonly position: string;
    readonly known?: SseBackplaneEvent | undefined;
    readonly isKnown?: boolean;
  }> {
    return this.command(({ streams, keys }) => {
      const stream = streams.get(channel);
      const known = keys.get(`${channel}:${key}`);
      if (key !== undefined && known && known.base === stream?.base) {
        const entry = stream.entries.find(({ position }) => position === known.position);
        return { position: known.position, isKnown: true, known: entry?.event };
      }
      if (event.kind === 'end' && stream?.isEnded) return { position: stream.head };
      const position = this.broker.append(channel, event, history);
      if (key !== undefined) keys.set(`${channel}:${key}`, { position, base: streams.get(channel)!.base });
      return { position };
    });
  }

  look(channel: string): Promise<ChannelHead> {
    return this.command(({ streams, producers }) => {
      if (producers.get(channel)?.isDead) this.broker.sayLastWords(channel);
      return headOf(streams.get(channel) ?? this.broker.begin(channel));
    });
  }

  from(channel: string, position: string, bounds: PageBounds): Promise<StoredRange> {
    return this.range(channel, bounds, (entry) => timeOf(entry.position) >= timeOf(position), position);
  }

  oldest(channel: string, beyond: string | undefined, bounds: PageBounds): Promise<StoredRange> {
    return this.range(channel, bounds, (entry) => beyond === undefined || timeOf(entry.position) > timeOf(beyond));
  }

  break(): Promise<boolean> {
    return Promise.resolve(false);
  }

  positionBefore(channel: string, time: number): Promise<string | undefined> {
    return this.command(
      ({ streams }) =>
        streams
          .get(channel)
          ?.entries.filter(({ position }) => timeOf(position) < time)
          .at(-1)?.position,
    );
  }

  stirred(channels: readonly string[]): Promise<readonly string[]> {
    return Promise.resolve(channels);
  }
  groupOf(): string {
    return '';
  }
  serverOf(): string {
    return '';
  }
  isUnreadable(): boolean {
    return false;
  }

  acquire(channel: string, token: string, lastWords: LastWords, isRunning: boolean): Promise<boolean> {
    return this.command(({ producers, streams }) => {
      const producer = producers.get(channel);
      if (producer?.lastWords && producer.token !== token) {
        if (!producer.isDead) return false;
        this.broker.sayLastWords(channel);
      }
      const head = isRunning ? undefined : streams.get(channel)?.head;
      producers.set(channel, { token, head, lastWords, node: this, isDead: false });
      return true;
    });
  }

  renew(channel: string, token: string): Promise<'ours' | 'lost' | 'unknown'> {
    return this.command(({ producers }) => {
      const producer = producers.get(channel);
      if (!producer) return 'unknown';
      return producer.token === token && producer.lastWords ? 'ours' : 'lost';
    });
  }

  store(
    channel: string,
    event: SseBackplaneEvent,
    { history }: Pick<SsePublishSettings, 'history'>,
    { token, number }: { readonly token: string; readonly number: number },
  ): Promise<string> {
    return this.command(({ streams, producers }) => {
      const producer = producers.get(channel);
      const stream = streams.get(channel);
      if (!producer || producer.token !== token) throw storeUnavailable('The broker', FENCED, 'refused');
      const newest = producer.newest?.base === stream?.base ? producer.newest : undefined;
      if (newest?.number === number) return newest.position;
      if (number !== 0 && newest?.number !== number - 1) throw storeUnavailable('The broker', LOST, 'refused');
      const position = this.broker.append(channel, event, history);
      producer.newest = { number, position, base: streams.get(channel)!.base };
      return position;
    });
  }

  release(channel: string, token: string, end?: ProducerEnd): Promise<boolean> {
    return this.command(({ producers, streams }) => {
      const producer = producers.get(channel);
      if (producer?.token !== token) return producer !== undefined;
      if (!producer.lastWords) return true;
      const last = producer.newest?.base === streams.get(channel)?.base ? producer.newest?.number : undefined;
      if (end?.last !== undefined && end.last !== last) return false;
      if (end) producer.lastWords = { ...producer.lastWords, events: end.events };
      this.broker.sayLastWords(channel);
      if (!end) producers.delete(channel);
      return true;
    });
  }

  producing(channel: string): Promise<{ producer: string | undefined; newest: SseBackplaneEvent | undefined }> {
    return this.command(({ producers, streams }) => {
      if (producers.get(channel)?.isDead) this.broker.sayLastWords(channel);
      const producer = producers.get(channel);
      return {
        producer: producer?.lastWords && producer.token,
        newest: streams.get(channel)?.entries.at(-1)?.event,
      };
    });
  }

  isFenced(error: unknown): boolean {
    return error instanceof Error && error.message.includes(FENCED);
  }

  isLost(error: unknown): boolean {
    return error instanceof Error && error.message.includes(LOST);
  }

  signal(message: string): Promise<void> {
    return this.command(({ signals, listeners }) => {
      const previous = signals.at(-1)?.id;
      const id = this.broker.mint();
      signals.push({ id, message, at: Date.now(), ageMs: 0 });
      for (const listener of listeners) listener.signalled(id, previous, message);
    });
  }

  signals(): Promise<readonly StoredSignal[]> {
    return this.command(({ signals }) => signals.map((one) => ({ ...one, ageMs: Date.now() - one.at })));
  }

  listen(channel: string, listener: ChannelNotifications): void {
    this.listeners.set(channel, listener);
    queueMicrotask(() => listener.subscribed());
  }

  unlisten(channel: string): void {
    this.listeners.delete(channel);
  }

  settled(): Promise<void> {
    return this.command(() => undefined).catch(() => undefined);
  }

  stored(channel: string, entry: StoredEntry): void {
    queueMicrotask(() => this.listeners.get(channel)?.stored(entry));
  }

  signalled(id: string, previous: string | undefined, message: string): void {
    queueMicrotask(() => this.inbox?.received(id, previous, message));
  }

  private range(
    channel: string,
    { limit, maxBytes = Infinity }: PageBounds,
    isIn: (entry: StoredEntry) => boolean,
    after?: string,
  ): Promise<StoredRange> {
    return this.command(({ streams }) => {
      const stream = streams.get(channel);
      const entries: StoredEntry[] = [];
      let [count, bytes] = [0, 0];
      for (const entry of stream?.entries.filter(isIn) ?? []) {
        if (entry.position !== after) {
          bytes += Buffer.byteLength(entry.event?.data ?? '');
          if (count === limit || (count > 0 && bytes > maxBytes)) break;
          count++;
        }
        entries.push(entry);
      }
      return { entries, head: stream && headOf(stream) };
    });
  }

  private async command<T>(work: (broker: FakeBroker) => T): Promise<T> {
    await Promise.resolve();
    if (this.isCut) throw storeUnavailable('The broker', 'no connection', 'not sent');
    return work(this.broker);
  }
}

function headOf({ head, isEnded, events, base }: { head: string; isEnded: boolean; events: number; base: string }) {
  return { head, isEnded, isBare: events === 0 && head === base };
}

/** A second backplane: its commands, and what `lib/following/` makes of them. */
export class FakeBackplane
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
  private readonly store: FakeStore;
  private readonly followers: ChannelFollowers;
  private readonly leases: ProducerLeases;
  private isClosed = false;

  constructor(broker: FakeBroker) {
    super();
    this.store = new FakeStore(broker);
    this.followers = new ChannelFollowers(this.store, this.store, {
      checkIntervalMs: CHECK_EVERY_MS,
      idleTtlMs: 60_000,
    });
    this.leases = new ProducerLeases(this.store, LEASE_MS);
  }

  cut(): void {
    this.store.cut();
  }

  async publish(channel: string, event: SseBackplaneEvent, settings: SsePublishSettings): Promise<string> {
    if (this.isClosed) throw backplaneClosed();
    const { position, isKnown, known } = await this.store.publish(channel, event, settings);
    if (isKnown) settings.onKnown?.(known);
    return position;
  }

  subscribe(channel: string, listener: SseBackplaneListener): SseBackplaneSubscription {
    return this.followers.listen(channel, listener);
  }

  async read(channel: string, after: string | undefined, limit: number, maxBytes?: number): Promise<SseBackplanePage> {
    if (this.isClosed) throw backplaneClosed();
    return await readPage(this.store, channel, after, { limit, maxBytes });
  }

  positionBefore(channel: string, time: number): Promise<string | undefined> {
    return this.store.positionBefore(channel, time);
  }

  produce(
    channel: string,
    events: readonly SseBackplaneEvent[],
    { history }: Pick<SsePublishSettings, 'history'>,
    onLost: (why: 'taken' | 'gone') => void,
  ): Promise<SseProducerLease | undefined> {
    return this.leases.acquire(channel, { events, history }, onLost);
  }

  producing(channel: string): Promise<{ producer: string | undefined; newest: SseBackplaneEvent | undefined }> {
    return this.store.producing(channel);
  }

  signal(message: string): Promise<void> {
    return this.store.signal(message);
  }

  onSignal(listener: (message: string, ageMs?: number) => void): void {
    this.store.inbox = new SignalInbox(this.store, listener);
  }

  health(): Promise<{ readonly isUp: boolean }> {
    return Promise.resolve({ isUp: this.followers.behind === 0 });
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.store.inbox?.close();
    this.followers.close();
    await this.leases.close();
    this.store.cut();
  }
}
