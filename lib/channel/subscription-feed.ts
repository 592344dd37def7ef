import type { SseBackplaneEntry } from '../backplane/backplane.js';
import type { SseGapReason } from '../backplane/gap-reason.js';
import { closeReason } from '../connection/close-reason.js';
import type { Connection, Feed } from '../connection/connection.js';
import { endCompleted, endWithFailure, type StreamEnd } from '../connection/stream-end.js';
import type { Frame } from '../protocol/frame.js';
import { toEventInit } from '../protocol/sse-event-like.js';
import { isThenable } from '../source/thenable.js';
import { WireText } from '../protocol/wire-text.js';
import type { ChannelSet } from './channel-set.js';
import type { ChannelWatcher } from './channel.js';
import type { LiveGroup, LiveReader } from './live-group.js';
import { OwnText } from './own-text.js';
import type { PatientStream } from './patient-reader.js';
import { Place, type Limit } from './place.js';
import { parseResume } from './position-vector.js';
import type { SubscriptionPlan } from './sse-subscription.js';
import { storedFrame } from './stored-event.js';

/** How much is written before the socket is asked again, in bytes. */
const SLICE_BYTES = 65_536;

/**
 * How long what was published before an end may take to reach the client, in milliseconds: as long as the grace of a
 * shutdown.
 */
const DELIVER_WITHIN_MS = 5_000;

/** Entries asked of the backplane at a time. */
const PAGE_ENTRIES = 100;

/**
 * One connection's place in some channels. It finds where to begin, replays, hands over to live, and falls back to
 * replay whenever the socket is full: behind is always the same state, whatever the reason.
 *
 * @internal
 */
export class SubscriptionFeed implements Feed, LiveReader, ChannelWatcher, PatientStream {
  liveIndex = -1;
  isStopped = false;

  private readonly places: readonly Place[];
  private group: LiveGroup | undefined;
  /** Something is awaited (the backplane, a snapshot), and goes on by itself. */
  private isWaiting = false;
  private isStarted = false;
  private isSnapshotDue = false;
  private isAnnounced = false;
  /** The connection ends: nothing is sent until it is known where that is. */
  private isHeld = false;
  private delivered: (() => void) | undefined;
  private readonly own: OwnText;

  constructor(
    readonly connection: Connection,
    private readonly channels: ChannelSet,
    private readonly plan: SubscriptionPlan,
    private readonly end: StreamEnd,
  ) {
    this.places = plan.names.map((name) => new Place(channels.get(name)));
    this.own = new OwnText(this.places, plan.filter);
  }

  start(): void {
    for (const { channel } of this.places) channel.watch(this);
    this.connection.attach(this);
    if (this.isStopped) return;
    this.isAnnounced = true;
    this.follow(this.plan.onSubscribe?.(this.connection));
    this.pump();
  }

  stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.delivered?.();
    this.channels.reader.leave(this);
    for (const { channel } of this.places) channel.unwatch(this);
    this.group?.quit(this);
    if (!this.isAnnounced) return;
    try {
      this.follow(this.plan.onUnsubscribe?.(this.connection));
    } catch (error) {
      // The connection is on its way out, and must get there.
      this.end.report(error);
    }
  }

  resume(): void {
    this.pump();
  }

  deliver(): Promise<void> | undefined {
    // A client that has not been told where it stands misses nothing: it begins anew.
    if (!this.isStarted || this.isStopped) return undefined;
    const deadline = performance.now() + DELIVER_WITHIN_MS;
    if (this.group?.isFlushing) {
      return new Promise((resolve) => process.nextTick(() => resolve(this.deliver())));
    }
    const limits = this.places.map(({ channel }) => this.channels.heads.of(channel, deadline));
    this.group?.release(this);
    const known = limits.filter((limit): limit is Limit => !(limit instanceof Promise));
    if (known.length === limits.length) {
      this.deliverTo(known);
      if (this.isStopped || this.isDelivered) return undefined;
    } else {
      this.isHeld = true;
      void Promise.all(limits.map((limit) => Promise.resolve(limit))).then((found) => this.deliverTo(found));
    }
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadline - performance.now());
      this.delivered = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  moved(): void {
    this.pump();
  }

  fellBehind(cursors: readonly number[]): void {
    this.group = undefined;
    this.places.forEach((place, index) => {
      place.moveTo(cursors[index]!);
      place.channel.watch(this);
    });
  }

  failed(error: unknown): void {
    this.group = undefined;
    try {
      endWithFailure(this.connection, error, this.end);
    } catch (broken) {
      // Not even its end can be written.
      this.end.report(broken);
      this.connection.cut(closeReason('source_failed', undefined, error));
    }
  }

  /** Finds, for each channel, where this client goes on. */
  private begin(): void {
    this.isStarted = true;
    const resume = parseResume(this.connection.lastEventId);
    const { places } = this;
    const { retains } = this.channels.backplane;
    const known = resume.kind === 'vector' && places.some(({ hash }) => resume.positions.has(hash));
    for (const place of places) {
      if (resume.kind === 'position') place.resumeAt(places.length === 1 ? resume.position : undefined, retains);
      else if (resume.kind === 'vector' && known) place.resumeAt(resume.positions.get(place.hash), retains);
      else if (resume.kind === 'fresh') place.startFresh(this.plan.from, retains);
      else place.miss(resume.kind === 'malformed' ? 'malformed' : 'unknown');
    }
    if (resume.kind === 'position' && places.length > 1) this.wait(this.adopt(resume.position));
    // Whoever begins now has nothing yet that says where, be it in a channel that was added to those it came with: without
    // an id it could not come back to this place.
    this.isSnapshotDue = this.plan.snapshot !== undefined && resume.kind === 'fresh';
    const isAdded = ({ hash }: Place) => resume.kind === 'vector' && !resume.positions.has(hash);
    if (resume.kind === 'fresh' ? !this.isSnapshotDue : known && places.some(isAdded)) this.tellPosition();
  }

  /** Moves on as far as the socket has room. */
  private pump(): void {
    // A live reader's place is its group's affair: what drained was something else that the connection had sent.
    if (this.isWaiting || this.isHeld || this.isStopped || this.group) return;
    try {
      if (!this.isStarted) {
        if (!this.places.every(({ channel }) => channel.isReady)) return;
        this.begin();
        if (this.isWaiting) return;
      }
      for (const place of this.places) while (!this.isDone(place)) if (!this.advance(place)) return;
      if (this.isSnapshotDue) this.wait(this.sendSnapshot());
      // When nothing was sent, because the client has all of it: no stream, and it need not come back (204).
      else if (this.places.every(({ channel }) => channel.isEnded)) endCompleted(this.connection, this.end);
      else if (this.isDelivered) this.delivered?.();
      else this.goLive();
    } catch (error) {
      // A filter that throws, headers that cannot be sent: this client's affair, and no other's.
      this.failed(error);
    }
  }

  private get isDelivered(): boolean {
    return !this.isSnapshotDue && this.places.every(({ limit, isAtHead }) => limit !== undefined && isAtHead);
  }

  private deliverTo(limits: readonly Limit[]): void {
    this.places.forEach((place, index) => (place.limit = limits[index]));
    this.isHeld = false;
    this.pump();
  }

  private isDone(place: Place): boolean {
    // What a snapshot shows must be newer than the cursor, and older than all that is sent after it.
    return this.isSnapshotDue ? !place.gap && !place.isRefilling : place.isAtHead;
  }

  /** @returns whether there is room for more, and nothing to wait for */
  private advance(place: Place): boolean {
    if (place.isRefilling) return this.refill(place);
    if (place.isBehind && !place.gap) this.fallBack(place);
    // The first write sends the headers, and on some platforms that takes a while.
    this.connection.commit();
    if (!this.connection.isWritable || this.isStopped) return false;
    if (place.gap) this.tellGaps();
    else if (place.isBehind && !place.isRefilling) this.sendLatest(place);
    else if (!place.isRefilling && !place.isAtHead) this.sendSlice(place);
    return this.connection.isWritable && !this.isStopped;
  }

  private goLive(): void {
    if (this.plan.filter) return;
    this.connection.commit();
    if (!this.connection.isWritable || this.isStopped) return;
    const group = this.channels.groupOf(this.places.map(({ channel }) => channel));
    if (!group.join(this)) return;
    this.group = group;
    for (const { channel } of this.places) channel.unwatch(this);
  }

  private sendSlice(place: Place): void {
    const { log } = place.channel;
    const from = place.cursor;
    const frames: Frame[] = [];
    let text = '';
    let bytes = 0;
    let cursor = from;
    for (const { end } = place; cursor < end && bytes < SLICE_BYTES; cursor++) {
      const frame = log.frameAt(cursor);
      bytes += frame.byteLength;
      if (this.isShared) frames.push(frame);
      else text += this.own.of(place, frame, log.positionAt(cursor), this.connection.options.lineEnding);
    }
    place.moveTo(cursor);
    if (this.isShared) this.connection.writeShared(WireText.join(frames), frames.length, performance.now());
    else this.connection.writeOwn(text, cursor - from);
  }

  /** Whether this reader writes the very bytes that others write. */
  private get isShared(): boolean {
    return this.places.length === 1 && !this.plan.filter;
  }

  /** The log has moved past this reader. */
  private fallBack(place: Place): void {
    const { channel } = place;
    const { slowClient } = channel.settings;
    const reason = channel.reasonFor(place.cursor);
    if (reason === 'slow_client') {
      if (slowClient === 'disconnect') return this.connection.end(closeReason('slow_client'));
      // `sendLatest()` has all that it needs.
      if (channel.latest && channel.latest.lost < place.cursor) return;
    }
    if (this.channels.backplane.retains) place.isRefilling = true;
    else place.miss(reason);
  }

  /** Catches up with the log by the newest event of each key; nothing without a newer one is missing. */
  private sendLatest(place: Place): void {
    const { latest, log } = place.channel;
    let text = '';
    let events = 0;
    for (const { number, position, frame } of latest?.from(place.cursor) ?? []) {
      // From here on the log has them all.
      if (number >= log.first || number >= place.end || text.length >= SLICE_BYTES) break;
      text += this.own.of(place, frame, position, this.connection.options.lineEnding);
      place.cursor = number + 1;
      events++;
    }
    if (events === 0) place.cursor = log.first;
    else this.connection.writeOwn(text, events);
  }

  /** @returns whether the log has taken over */
  private refill(place: Place): boolean {
    if (place.findInLog()) return true;
    // What is read has to be kept until there is room: as long as there is none, it stays in the store.
    if (!this.connection.isWritable) return false;
    // Asked before, and this node has heard of nothing since.
    if (place.askedAt !== place.channel.log.next) this.wait(this.readPage(place));
    return false;
  }

  /** Reads on from the store, until what it gives is in the log as well. */
  private async readPage(place: Place): Promise<void> {
    const { channel, position } = place;
    const { next } = channel.log;
    const page = await this.channels.reader.read(this, channel.name, position, PAGE_ENTRIES);
    if (this.isStopped || !page) return;
    const { entries, gap } = page;
    if (gap !== undefined) {
      place.miss(gap);
    } else if (entries.length > 0) {
      this.sendEntries(place, entries);
    } else if (position === undefined) {
      // What came while the store was asked is in the log, from there on.
      place.startAt(next);
    } else {
      // The store has no more, and this node does not know that position yet: its turn comes through the log.
      place.askedAt = next;
    }
  }

  /** Takes the position of a client that came from one channel to several: it is of whichever has it. */
  private async adopt(position: string): Promise<void> {
    const { places } = this;
    // Another channel's position is a foreign one; any other answer is of the channel that minted it.
    let reason: SseGapReason = 'foreign';
    for (const place of places) {
      const isInLog = place.channel.log.cursorAfter(position) !== undefined;
      const page = isInLog
        ? { gap: undefined }
        : await this.channels.reader.read(this, place.channel.name, position, 1);
      if (!page) return;
      const { gap } = page;
      if (gap === undefined) {
        place.resumeAt(position, this.channels.backplane.retains);
        return this.tellPosition();
      }
      if (gap !== 'foreign') reason = gap;
    }
    for (const place of places) place.miss(reason);
  }

  private sendEntries(place: Place, entries: readonly SseBackplaneEntry[]): void {
    this.connection.commit();
    const { lineEnding } = this.connection.options;
    let text = '';
    for (const { position, event } of entries) {
      text += this.own.of(place, storedFrame(event, position), position, lineEnding);
      if (place.limit?.position === position) break;
    }
    place.askedAt = undefined;
    this.connection.writeOwn(text, entries.length);
  }

  /** Announces what is missing, once for all channels that miss for the same reason, and goes on at the heads. */
  private tellGaps(): void {
    const byReason = new Map<SseGapReason, Place[]>();
    for (const place of this.places) {
      if (!place.gap) continue;
      byReason.set(place.gap, [...(byReason.get(place.gap) ?? []), place]);
      place.jump();
    }
    let text = '';
    for (const [reason, places] of byReason) {
      const names = places.map(({ channel }) => channel.name);
      const data = { channel: names.length === 1 ? names[0] : names, reason };
      text += this.own.say(
        { type: this.channels.options.gapType, data: JSON.stringify(data) },
        this.connection.options,
      );
    }
    this.isSnapshotDue = this.plan.snapshot !== undefined;
    this.connection.writeOwn(text, byReason.size);
  }

  private tellPosition(): void {
    const { own, connection } = this;
    if (own.id !== '') connection.writeOwn(own.say({ comment: '' }, connection.options), 1);
  }

  private async sendSnapshot(): Promise<void> {
    this.isSnapshotDue = false;
    const state = await this.plan.snapshot?.();
    const { own, connection } = this;
    if (!this.isStopped) connection.writeOwn(own.say(toEventInit(state), connection.options), 1);
  }

  /** A hook may be async, and fail like that. */
  private follow(returned: unknown): void {
    if (!isThenable(returned)) return;
    Promise.resolve(returned).catch((error: unknown) => {
      if (this.isStopped) this.end.report(error);
      else endWithFailure(this.connection, error, this.end);
    });
  }

  private wait(pending: Promise<void>): void {
    this.isWaiting = true;
    pending.then(
      () => {
        this.isWaiting = false;
        this.pump();
      },
      (error: unknown) => {
        if (!this.isStopped) endWithFailure(this.connection, error, this.end);
      },
    );
  }
}
