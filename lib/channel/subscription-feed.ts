import type { SseGapReason } from '../backplane/gap-reason.js';
import { closeReason } from '../connection/close-reason.js';
import type { Connection, Feed } from '../connection/connection.js';
import { endCompleted, endWithFailure, type StreamEnd } from '../connection/stream-end.js';
import { isThenable } from '../source/thenable.js';
import type { WireText } from '../protocol/wire-text.js';
import type { ChannelSet } from './channel-set.js';
import type { ChannelWatcher } from './channel.js';
import type { LiveGroup, LiveReader } from './live-group.js';
import type { LogSlice } from './log-slices.js';
import { OwnText } from './own-text.js';
import type { PatientStream } from './patient-reader.js';
import { Place, type Limit, type SseFrom } from './place.js';
import type { PacedReader } from './replay-pace.js';
import { beginAt, startFresh } from './starting-point.js';
import type { SnapshotLoad } from './snapshot-loads.js';
import type { StorePage } from './store-pages.js';
import { checkChannelCount } from './subscription-checks.js';
import type { SubscriptionPlan } from './sse-subscription.js';

/**
 * How long what was published before an end may take to reach the client, in milliseconds: as long as the grace of a
 * shutdown.
 */
const DELIVER_WITHIN_MS = 5_000;

/** How long the headers of a client that comes back wait for what the backplane says of its channels, in milliseconds. */
const BEGIN_WITHIN_MS = 1_000;

/** How many events a filter is asked about before the time is looked at. */
const FILTERED_AT_ONCE = 32;

/**
 * | state | what it waits for |
 * |---|---|
 * | `starting` | the backplane, to say where each channel stands |
 * | `following` | news of its channels |
 * | `moving` | nothing: it is writing at this moment |
 * | `blocked` | room in its socket |
 * | `deferred` | its turn, among others that catch up |
 * | `waiting` | the store, or a snapshot |
 * | `live` | nothing: its group writes for it |
 * | `stopped` | nothing, ever |
 */
type FeedState = 'starting' | 'following' | 'moving' | 'blocked' | 'deferred' | 'waiting' | 'live' | 'stopped';

/** A channel that is to be added or taken away as soon as nothing is on its way. */
type Change =
  | { readonly kind: 'join'; readonly place: Place; readonly done: () => void }
  | { readonly kind: 'leave'; readonly name: string; readonly done: () => void };

/**
 * One connection's place in some channels. It finds where to begin, replays, hands over to live, and falls back to
 * replay whenever the socket is full: behind is always the same state, whatever the reason.
 *
 * @internal
 */
export class SubscriptionFeed implements Feed, LiveReader, ChannelWatcher, PatientStream, PacedReader {
  liveIndex = -1;

  private state: FeedState = 'starting';
  private places: readonly Place[];
  private group: LiveGroup | undefined;
  private changes: Change[] = [];
  private own: OwnText;
  private hasBegun = false;
  private isAnnounced = false;
  private isSnapshotDue = false;
  /** The connection ends: channels come and go no more. */
  private isEnding = false;
  /** Nothing is sent until it is known where that end is. */
  private isHeld = false;
  private delivered: (() => void) | undefined;
  private begun: (() => void) | undefined;
  /** A snapshot was sent, and what came while it was made was not. */
  private isBehindSnapshot = false;
  /** The log keeps what comes for this reader. */
  private isLate = false;
  /** What its socket holds, so that others at the same place can share it. */
  private held: LogSlice | undefined;

  constructor(
    readonly connection: Connection,
    private readonly channels: ChannelSet,
    private readonly plan: SubscriptionPlan,
    private readonly end: StreamEnd,
  ) {
    this.places = plan.names.map((name) => this.placeIn(name, plan.fromOf(name)));
    this.own = new OwnText(this.places, plan.filter);
  }

  get isStopped(): boolean {
    return this.state === 'stopped';
  }

  /** @returns when it is known whether there is a stream: a client that has all of an ended channel gets 204 */
  start(): Promise<void> | undefined {
    for (const { channel } of this.places) channel.watch(this);
    this.connection.attach(this);
    if (this.isStopped) return undefined;
    this.isAnnounced = true;
    this.follow(this.plan.onSubscribe?.(this.connection));
    this.channels.onFeed?.(this);
    this.pump();
    if (this.hasBegun || this.isStopped || this.connection.lastEventId === undefined) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, BEGIN_WITHIN_MS);
      this.begun = () => {
        clearTimeout(timer);
        this.begun = undefined;
        resolve();
      };
    });
  }

  stop(): void {
    if (this.isStopped) return;
    this.enter('stopped');
    this.delivered?.();
    this.begun?.();
    this.channels.reader.leave(this);
    this.channels.pages.leave(this);
    this.channels.pace.forget(this);
    this.letGo();
    for (const { channel } of this.places) channel.unwatch(this);
    for (const change of this.changes.splice(0)) {
      if (change.kind === 'join') change.place.channel.unwatch(this);
      change.done();
    }
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
    if (!this.hasBegun || this.isStopped) return undefined;
    const deadline = performance.now() + DELIVER_WITHIN_MS;
    if (this.group?.isFlushing) {
      return new Promise((resolve) => process.nextTick(() => resolve(this.deliver())));
    }
    this.isEnding = true;
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

  proceed(): void {
    if (this.state === 'deferred') this.enter('following');
    this.pump();
  }

  fellBehind(cursors: readonly number[]): void {
    this.group = undefined;
    this.enter(this.connection.isWritable ? 'following' : 'blocked');
    this.places.forEach((place, index) => {
      place.moveTo(cursors[index]!);
      place.channel.watch(this);
    });
    // In the middle of a burst: its rest is for those who were there when it came, whatever the history keeps.
    if (!this.isAtHead) this.keep();
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

  /**
   * @returns when the client is told of it: what is published from then on reaches it
   * @throws {SseError} as a rejection, `SSE_INVALID_CHANNEL` when they are too many
   */
  async join(name: string, from: SseFrom): Promise<void> {
    const isThere = this.places.some(({ channel }) => channel.name === name);
    const isComing = this.changes.some((change) => change.kind === 'join' && change.place.channel.name === name);
    const isGoing = this.changes.some((change) => change.kind === 'leave' && change.name === name);
    if (this.isStopped || isComing || (isThere && !isGoing)) return;
    checkChannelCount(this.places.length + this.changes.length + 1);
    const place = this.placeIn(name, from);
    place.channel.watch(this);
    await new Promise<void>((done) => this.change({ kind: 'join', place, done }));
  }

  /** @returns when the client is told of it */
  leave(name: string): Promise<void> {
    if (this.isStopped) return Promise.resolve();
    return new Promise((done) => this.change({ kind: 'leave', name, done }));
  }

  // --- moving on ------------------------------------------------------------------------------------------------

  /** Moves on as far as the socket has room. */
  private pump(): void {
    // A live reader's place is its group's affair: what drained was something else that the connection had sent.
    const { state } = this;
    if (this.isHeld) return;
    if (state !== 'starting' && state !== 'following' && state !== 'blocked') return;
    this.enter('moving');
    try {
      this.move();
    } catch (error) {
      // A filter that throws, headers that cannot be sent: this client's affair, and no other's.
      this.failed(error);
    }
    if (this.hasBegun) this.begun?.();
    if (!this.is('moving')) return;
    if (!this.hasBegun) this.enter('starting');
    else this.enter(this.connection.isWritable ? 'following' : 'blocked');
  }

  private move(): void {
    if (this.changes.length > 0 && !this.isEnding) this.makeChanges();
    if (!this.hasBegun && !this.begin()) return;
    if (!this.is('moving')) return;
    // Not once for each place: what a filter publishes may be of one that was done.
    while (!this.places.every((place) => this.isDone(place))) {
      for (const place of this.places) {
        while (!this.isDone(place)) {
          if (!this.channels.pace.hasTime) return this.defer();
          if (!this.advance(place)) return;
        }
      }
    }
    if (this.isSnapshotDue) return this.wait(this.sendSnapshot());
    this.letGo();
    this.isBehindSnapshot = false;
    if (this.isDelivered) return this.delivered?.();
    if (this.places.length === 0 || this.changes.length > 0) return;
    // When nothing was sent, because the client has all of it: no stream, and it need not come back (204).
    if (this.places.every(({ channel }) => channel.isEnded)) endCompleted(this.connection, this.end);
    else this.goLive();
  }

  /** @returns whether it is known where to go on */
  private begin(): boolean {
    const { places, channels } = this;
    if (!places.every(({ channel }) => channel.isReady)) return false;
    this.hasBegun = true;
    const { isFresh, isUntold, pending } = beginAt(places, this.connection.lastEventId, channels, this);
    this.isSnapshotDue = this.plan.snapshot !== undefined && isFresh;
    const tell = () => {
      if (isUntold && !this.isSnapshotDue && !this.isStopped) this.tellPosition();
    };
    if (pending) this.wait(pending.then(tell));
    else tell();
    return true;
  }

  private get isDelivered(): boolean {
    return this.isEnding && !this.isSnapshotDue && this.places.every((place) => place.limit && place.isAtHead);
  }

  private deliverTo(limits: readonly Limit[]): void {
    this.places.forEach((place, index) => (place.limit = limits[index]));
    this.isHeld = false;
    this.pump();
  }

  private get isAtHead(): boolean {
    return this.places.every(({ isAtHead }) => isAtHead);
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
    if (!this.hasRoom) return false;
    if (place.gap) this.tellGaps();
    else if (place.isBehind && !place.isRefilling) this.sendLatest(place);
    else if (!place.isRefilling && !place.isAtHead) this.sendSlice(place);
    return this.hasRoom;
  }

  private get hasRoom(): boolean {
    return this.connection.isWritable && !this.isStopped;
  }

  private goLive(): void {
    if (this.plan.filter) return;
    this.connection.commit();
    if (!this.hasRoom) return;
    const group = this.channels.groupOf(this.places.map(({ channel }) => channel));
    if (!group.join(this)) return;
    this.group = group;
    this.enter('live');
    for (const { channel } of this.places) channel.unwatch(this);
  }

  /** Others have their turn. */
  private defer(): void {
    this.keep();
    this.enter('deferred');
    this.channels.pace.defer(this);
  }

  private wait(pending: Promise<void>): void {
    this.enter('waiting');
    pending.then(
      () => {
        if (this.state === 'waiting') this.enter('following');
        this.pump();
      },
      (error: unknown) => {
        if (!this.isStopped) endWithFailure(this.connection, error, this.end);
      },
    );
  }

  private enter(state: FeedState): void {
    if (this.state === 'stopped' || this.state === state) return;
    const { pace } = this.channels;
    if (this.state === 'blocked') pace.blocked--;
    if (state === 'blocked') pace.blocked++;
    else if (state !== 'moving') this.held = undefined;
    this.state = state;
  }

  /** For the compiler, which does not know that the state changes while it moves. */
  private is(state: FeedState): boolean {
    return this.state === state;
  }

  // --- what the log keeps for it -----------------------------------------------------------------------------------

  private keep(): void {
    if (this.isLate) return;
    this.isLate = true;
    for (const place of this.places) place.channel.keepFor(place);
  }

  private letGo(): void {
    if (!this.isLate) return;
    this.isLate = false;
    for (const place of this.places) place.channel.letGo(place);
  }

  // --- what is sent -------------------------------------------------------------------------------------------------

  private sendSlice(place: Place): void {
    const { log, slices } = place.channel;
    const { pace } = this.channels;
    const from = place.cursor;
    if (this.isShared) {
      const slice = slices.from(from, pace.sliceBytes, place.end);
      place.moveTo(from + slice.events);
      return this.write(slice);
    }
    let text = '';
    let left = pace.sliceBytes;
    let cursor = from;
    for (const { end } = place; cursor < end && left > 0; cursor++) {
      const frame = log.frameAt(cursor);
      left -= frame.byteLength;
      text += this.own.of(place, frame, log.positionAt(cursor), this.connection.options.lineEnding);
      if (this.plan.filter && (cursor + 1 - from) % FILTERED_AT_ONCE === 0 && !pace.hasTime) left = 0;
    }
    place.moveTo(cursor);
    this.connection.writeOwn(text, cursor - from);
  }

  /** Whether this reader writes the very bytes that others write. */
  private get isShared(): boolean {
    return this.places.length === 1 && !this.plan.filter;
  }

  private write(slice: LogSlice): void {
    this.held = slice;
    this.writeText(slice.text, slice.events);
  }

  private writeText(text: WireText, events: number): void {
    const { connection } = this;
    connection.commit();
    if (connection.isWritable) connection.writeShared(text, events, performance.now());
    else connection.writeOwn(text.text(connection.options.lineEnding), events);
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
    const { sliceBytes } = this.channels.pace;
    let text = '';
    let events = 0;
    for (const { number, position, frame } of latest?.from(place.cursor) ?? []) {
      // From here on the log has them all.
      if (number >= log.first || number >= place.end || text.length >= sliceBytes) break;
      text += this.own.of(place, frame, position, this.connection.options.lineEnding);
      place.cursor = number + 1;
      events++;
    }
    if (events === 0) place.cursor = log.first;
    else this.connection.writeOwn(text, events);
  }

  /** @returns whether to go on at once */
  private refill(place: Place): boolean {
    const { channel } = place;
    if (place.findInLog()) return true;
    // What is read has to be kept until there is room: as long as there is none, it stays in the store.
    if (!this.connection.isWritable) return false;
    const { pages } = this.channels;
    const page = pages.find(channel.name, place.position);
    if (page) {
      this.take(place, page);
      return this.hasRoom;
    }
    // Asked before, and this node has heard of nothing since.
    if (place.askedAt !== channel.log.next) this.wait(this.readPage(place));
    return false;
  }

  /** Reads on from the store, until what it gives is in the log as well. */
  private async readPage(place: Place): Promise<void> {
    const { channel, position } = place;
    const { next } = channel.log;
    const page = await this.channels.pages.read(this, channel.name, position);
    if (this.isStopped || !page) return;
    if (page.gap !== undefined) place.miss(page.gap);
    else if (page.events > 0) this.take(place, page);
    // Whatever the channel had is gone. What came while the store was asked is in the log, from there on.
    else if (page.isTrimmed) place.miss('trimmed');
    else if (position === undefined) place.startAt(next);
    // The store has no more, and this node does not know that position yet: its turn comes through the log.
    else place.askedAt = next;
  }

  private take(place: Place, page: StorePage): void {
    place.askedAt = undefined;
    place.isFresh = false;
    if (page.isTrimmed) {
      place.missBeginning();
      place.position = page.before;
      this.connection.commit();
      this.tellGaps();
    }
    if (this.isShared && !place.limit) {
      place.position = page.entries.at(-1)?.position;
      return this.write(page);
    }
    this.connection.commit();
    const { lineEnding } = this.connection.options;
    let text = '';
    let events = 0;
    for (const { position, frame } of page.entries) {
      text += this.own.of(place, frame, position, lineEnding);
      events++;
      if (place.limit?.position === position) break;
    }
    this.connection.writeOwn(text, events);
  }

  /** Announces what is missing, once for all channels that miss for the same reason, and goes on at the heads. */
  private tellGaps(): void {
    const { plan, channels } = this;
    const missing = this.places.filter(({ gap }) => gap !== undefined);
    // So much came while the last one was made that it could not be kept: another one would take as long.
    const isHopeless = this.isBehindSnapshot && missing.every(({ gap }) => gap === 'slow_client' || gap === 'trimmed');
    const snapshot = isHopeless ? undefined : plan.snapshot;
    const others = this.places.filter(({ gap }) => gap === undefined);
    const load = snapshot && channels.snapshots.find(snapshot, this.places, others);
    const byReason = new Map<SseGapReason, Place[]>();
    for (const place of missing) {
      byReason.set(place.gap!, [...(byReason.get(place.gap!) ?? []), place]);
      place.jump(load?.cursorIn(place.channel) ?? place.channel.log.next);
    }
    let text = '';
    for (const [reason, places] of byReason) {
      const names = places.map(({ channel }) => channel.name);
      const data = { channel: names.length === 1 ? names[0] : names, reason };
      text += this.own.say({ type: channels.options.gapType, data: JSON.stringify(data) }, this.connection.options);
    }
    if (snapshot) this.isSnapshotDue = true;
    this.connection.writeOwn(text, byReason.size);
  }

  private tellPosition(): void {
    const { own, connection } = this;
    if (own.id !== '') connection.writeOwn(own.say({ comment: '' }, connection.options), 1);
  }

  private async sendSnapshot(): Promise<void> {
    const { plan, places, connection, channels } = this;
    this.isSnapshotDue = false;
    if (!plan.snapshot) return;
    let load: SnapshotLoad | undefined = channels.snapshots.find(plan.snapshot, places);
    load ??= channels.snapshots.begin(plan.snapshot, places, connection.options.buffer.maxBytes);
    for (const place of places) {
      // What came between is in the state that others wait for, or follows it.
      const cursor = load.cursorIn(place.channel);
      if (place.cursor > cursor) place.startAt(cursor);
      place.isFresh = false;
    }
    this.keep();
    this.isBehindSnapshot = true;
    const state = await load.state;
    if (this.isStopped) return;
    this.writeText(load.encode(state, this.own.id, connection.options.serialize), 1);
  }

  // --- channels that come and go --------------------------------------------------------------------------------------

  private change(change: Change): void {
    this.changes.push(change);
    if (this.state === 'moving') return process.nextTick(() => this.pump());
    if (this.state !== 'live') return this.pump();
    // Its group is in the middle of writing: where this reader stands is known when it is through.
    if (this.group?.isFlushing) process.nextTick(() => this.leaveGroup());
    else this.leaveGroup();
  }

  private leaveGroup(): void {
    this.group?.release(this);
    this.pump();
  }

  private makeChanges(): void {
    const { changes } = this;
    this.changes = [];
    for (const change of changes) {
      if (change.kind === 'leave') this.takeAway(change.name);
      else if (!this.hasBegun) this.places = [...this.places, change.place];
      else if (!change.place.channel.isReady || !this.is('moving')) {
        this.changes.push(change);
        // It may just have left the same channel.
        change.place.channel.watch(this);
        continue;
      } else {
        this.add(change.place, change.done);
        continue;
      }
      change.done();
    }
    this.own = new OwnText(this.places, this.plan.filter);
    if (!this.hasBegun || this.changes.length === changes.length || !this.is('moving')) return;
    this.tellPosition();
  }

  private add(place: Place, done: () => void): void {
    place.channel.watch(this);
    this.places = [...this.places, place];
    if (this.isLate) place.channel.keepFor(place);
    const pending = startFresh(place, this.channels, this);
    if (!pending) return done();
    const told = pending.then(() => {
      if (!this.isStopped) this.tellPosition();
    });
    void told.then(done, done);
    this.wait(told);
  }

  private takeAway(name: string): void {
    // What has yet to join need not any more.
    this.changes = this.changes.filter((change) => {
      if (change.kind === 'leave' || change.place.channel.name !== name) return true;
      change.place.channel.unwatch(this);
      change.done();
      return false;
    });
    for (const place of this.places) {
      if (place.channel.name !== name) continue;
      place.channel.letGo(place);
      place.channel.unwatch(this);
    }
    this.places = this.places.filter(({ channel }) => channel.name !== name);
  }

  private placeIn(name: string, from: SseFrom): Place {
    return new Place(this.channels.get(name), from, this.connection.options.buffer.maxBytes);
  }

  /** A hook may be async, and fail like that. */
  private follow(returned: unknown): void {
    if (!isThenable(returned)) return;
    Promise.resolve(returned).catch((error: unknown) => {
      if (this.isStopped) this.end.report(error);
      else endWithFailure(this.connection, error, this.end);
    });
  }
}
