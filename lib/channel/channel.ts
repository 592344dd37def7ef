import type {
  SseBackplane,
  SseBackplaneEntry,
  SseBackplaneListener,
  SseBackplaneSubscription,
} from '../backplane/backplane.js';
import type { SseGapReason } from '../protocol/gap-reason.js';
import { KEPT_WHOLE } from '../backplane/kept-whole.js';
import { EventLog } from '../log/event-log.js';
import { LatestIndex } from '../log/latest-index.js';
import type { Frame } from '../protocol/frame.js';
import { ENTRY_BYTES } from '../protocol/history-limits.js';
import type { ChannelSettings } from './channel-options.js';
import { LogSlices } from '../log/log-slices.js';
import { hashChannel } from './position-vector.js';
import { storedFrame } from './stored-event.js';

/** When this much was published within one turn, it is written at once. A loop that never ends its turn must not fill the memory. */
const FLUSH_BYTES = 1_048_576;

/** Who is told that a channel has moved on. */
export interface ChannelWatcher {
  moved(): void;
}

/** Readers that have everything, to which what is new is written at once. */
export interface ReadersAtHead {
  /** How many there are. */
  readonly size: number;
  /** Writes to all of them what is new. */
  moved(): void;
  /** Ends the group. From now on each reader reads the log by itself. */
  dissolve(): void;
}

/**
 * A reader that is late, and not because its client is slow: a snapshot is being made for it, or other readers have their
 * turn. For such a reader the log keeps events beyond the bounds of the history.
 */
export interface LateReader {
  /** The number of the entry to read next. */
  readonly next: number;
  /** The most that is kept for it beyond the history, in bytes. */
  readonly maxKeptBytes: number;
}

/**
 * A named, ordered stream of events, as far as this node knows it.
 *
 * @internal
 */
export class Channel implements SseBackplaneListener {
  readonly log: EventLog;
  /** What readers that catch up share. */
  readonly slices: LogSlices;
  /** The number of the first event of this life, whether or not the log still has it. */
  beginning = 0;
  /** Its name in the ids of subscriptions to several channels. It is made once, not for each connection. */
  readonly hash: string;
  /** The newest event of each key, under the policy `latest` for slow clients. */
  readonly latest: LatestIndex | undefined;
  /** Whether the backplane has said where the channel stands. */
  isReady = false;
  /** Whether nothing more will come in this life. */
  isEnded = false;
  /** The data of its end, if this node has seen the end. */
  ending: string | undefined;
  /** When it was last used, on the clock of `performance.now()`. */
  usedAt = performance.now();

  /** Groups of readers at the head, of this channel alone or of others as well. A group adds and removes itself. */
  readonly groups = new Set<ReadersAtHead>();

  /** Called when the last reader has left. */
  onLeft: ((channel: Channel) => void) | undefined;

  private readonly retains: boolean;
  private readonly watchers = new Set<ChannelWatcher>();
  private readonly late = new Set<LateReader>();
  private isMoved = false;
  private unflushedBytes = 0;
  private lost: { readonly reason: SseGapReason; readonly before: number } | undefined;
  private readonly subscription: SseBackplaneSubscription;

  constructor(
    readonly name: string,
    readonly settings: ChannelSettings,
    backplane: SseBackplane,
    private readonly flushLater: (channel: Channel) => void,
    private readonly report: (error: unknown) => void,
  ) {
    const { history, slowClient } = settings;
    this.log = new EventLog(history);
    this.slices = new LogSlices(this.log);
    this.retains = backplane.retains;
    this.hash = hashChannel(name);
    if (typeof slowClient === 'object') {
      const latest = (this.latest = new LatestIndex(history));
      this.log.onDrop = (number) => latest.dropped(number);
    }
    this.subscription = backplane.subscribe(name, this);
  }

  get readers(): number {
    let count = this.watchers.size;
    for (const { size } of this.groups) count += size;
    return count;
  }

  ready(head: string | undefined, isEnded: boolean): void {
    this.log.clear(head);
    this.beginning = this.log.next;
    this.isReady = true;
    this.isEnded = isEnded;
    this.move();
  }

  entry({ position, previous, event }: SseBackplaneEntry): void {
    // A reader that has all of the life before goes on with the new one. The others are told of a gap.
    if (event.kind === 'start' || this.isEnded) {
      this.lose('foreign', previous);
      // A store keeps a whole life by itself.
      this.log.isWhole = !this.retains && event.kind === 'start' && event.data === KEPT_WHOLE;
    }
    let frame: Frame;
    try {
      frame = storedFrame(event, position);
    } catch (error) {
      // Anyone with access to the store may have written it. If it is no event, it counts as lost.
      this.report(error);
      return this.gap('store_lost', position);
    }
    this.isEnded = event.kind === 'end';
    this.ending = this.isEnded ? event.data : undefined;
    this.usedAt = performance.now();
    const number = this.log.append(position, frame, this.usedAt);
    // No reader can miss a start: it has no event.
    if (event.kind === 'start') this.beginning = this.log.next;
    this.index(number, position, frame, event.kind === 'event');
    this.unflushedBytes += frame.byteLength + ENTRY_BYTES;
    if (this.unflushedBytes >= FLUSH_BYTES) this.flush();
    else this.move();
  }

  gap(reason: SseGapReason, head: string | undefined): void {
    this.flush();
    // Nobody knows what is missing, not even for readers that had everything. So all readers go on alone, from their own
    // places, which the log still knows.
    for (const group of this.groups) group.dissolve();
    this.latest?.clear();
    this.log.lose(head);
    this.lost = { reason, before: this.log.next };
    this.move();
  }

  /** Why there is nothing for a reader at `cursor`, which is behind the tail. */
  reasonFor(cursor: number): SseGapReason {
    return this.lost && cursor < this.lost.before ? this.lost.reason : 'slow_client';
  }

  /** The number of the first entry after the last loss, for a reader that was before it, if all since then is here. */
  afterLoss(cursor: number): number | undefined {
    const { lost, log } = this;
    return lost && cursor < lost.before && lost.before >= log.first ? lost.before : undefined;
  }

  watch(watcher: ChannelWatcher): void {
    this.watchers.add(watcher);
  }

  unwatch(watcher: ChannelWatcher): void {
    if (this.watchers.delete(watcher) && this.watchers.size === 0) this.onLeft?.(this);
    this.usedAt = performance.now();
  }

  /** Tells all who read that there is something new. */
  flush(): void {
    this.isMoved = false;
    this.unflushedBytes = 0;
    const { log } = this;
    const { next } = log;
    // Groups come first. A watcher that has caught up then finds its group at the same place.
    for (const group of this.groups) group.moved();
    // Watchers read from the log by themselves, as far as their sockets have room.
    for (const watcher of this.watchers) watcher.moved();
    this.trim(performance.now(), next);
  }

  /** Keeps new events for a late reader, within its bound, until `letGo()`. */
  keepFor(reader: LateReader): void {
    this.late.add(reader);
  }

  letGo(reader: LateReader): void {
    this.late.delete(reader);
  }

  /** Drops what is beyond the history's bounds, and what no late reader needs. */
  trim(now: number, next = this.log.next): void {
    const { log, late } = this;
    for (;;) {
      let last: LateReader | undefined;
      for (const reader of late) {
        // The log has lost what it should have kept. Nothing can be done for that reader.
        if (reader.next < log.first) late.delete(reader);
        else if (!last || reader.next < last.next) last = reader;
      }
      log.trim(now, Math.min(next, last?.next ?? next));
      // It needs more than may be kept for it. From now on it is a reader like any other.
      if (!last || log.excess(now) <= last.maxKeptBytes) return;
      late.delete(last);
    }
  }

  /** Whether nobody reads it, and nothing of it is known here that the backplane would not tell again. */
  get isUnused(): boolean {
    const { next, size } = this.log;
    return this.readers === 0 && size === 0 && (this.retains || next === 0);
  }

  /** Whether nobody would miss the channel. */
  isIdle(now: number): boolean {
    const { maxAgeMs } = this.settings.history;
    // The newest event of each key is for slow readers. There are no readers.
    if (this.readers > 0 || this.log.size > 0) return false;
    // A client may be reconnecting at this moment. It must find the channel that gave it its position.
    return maxAgeMs !== false && now - this.usedAt >= maxAgeMs;
  }

  close(): void {
    this.subscription.close();
  }

  private lose(reason: SseGapReason, base: string | undefined): void {
    this.flush();
    this.log.clear(base);
    this.latest?.clear();
    this.beginning = this.log.next;
    this.lost = { reason, before: this.log.next };
  }

  private index(number: number, position: string, frame: Frame, isEvent: boolean): void {
    const { slowClient } = this.settings;
    if (!this.latest || !isEvent || typeof slowClient !== 'object') return;
    let key: string | number | undefined;
    try {
      key = slowClient.latest(frame.event);
    } catch (error) {
      // Without a key it is kept like any other event. The publisher did nothing wrong, and gets no error.
      this.report(error);
    }
    this.latest.add({ number, position, frame, key });
  }

  private move(): void {
    if (this.isMoved) return;
    this.isMoved = true;
    this.flushLater(this);
  }
}
