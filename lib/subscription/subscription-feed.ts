import { closeReason } from '../connection/close-reason.js';
import type { Connection } from '../connection/connection.js';
import type { Feed } from '../connection/feed.js';
import { endCompleted, endWithFailure, type StreamEnd } from '../connection/stream-end.js';
import { CatchUp } from './catch-up.js';
import { ChannelChanges } from './channel-changes.js';
import type { ChannelSet } from '../channel/channel-set.js';
import type { ChannelWatcher } from '../channel/channel.js';
import { FinalDelivery, type Limits } from './final-delivery.js';
import type { LiveGroup, LiveReader } from '../channel/live-group.js';
import type { StoppableReader } from '../replay/store-reader.js';
import { ChannelCursor, type SseFrom } from '../replay/channel-cursor.js';
import type { PacedReader } from '../replay/replay-pace.js';
import type { ReplayResources } from '../replay/replay-resources.js';
import { tellSubscribed, tellUnsubscribed } from './subscription-hooks.js';
import { checkChannelCount, type SubscriptionPlan } from './subscription-options.js';
import { firstForbidden } from './may-read.js';
import { SubscriptionOutput } from './subscription-output.js';
import { nextTick } from '../protocol/event-loop.js';

/** How long the headers of a client that comes back wait for the backplane to say where its channels stand, in milliseconds. */
const BEGIN_WITHIN_MS = 1_000;

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

/**
 * One connection's subscription to some channels. It finds where to begin, replays, and goes live. When the socket is full,
 * it falls back to replay: a reader that is behind is always in the same state, whatever the reason.
 *
 * @internal
 */
export class SubscriptionFeed implements Feed, LiveReader, ChannelWatcher, StoppableReader, PacedReader {
  liveIndex = -1;

  private state: FeedState = 'starting';
  private group: LiveGroup | undefined;
  private readonly output: SubscriptionOutput;
  private readonly catchUp: CatchUp;
  /** Made for the first channel that joins or leaves. */
  private changes: ChannelChanges | undefined;
  /** The connection is ending. No channel joins or leaves any more. */
  private delivery: FinalDelivery | undefined;
  private hasBegun = false;
  private isAnnounced = false;
  private begun: (() => void) | undefined;

  constructor(
    readonly connection: Connection,
    private readonly channels: ChannelSet,
    private readonly replay: ReplayResources,
    private readonly plan: SubscriptionPlan,
    private readonly end: StreamEnd,
  ) {
    const cursors = plan.names.map((name) => this.cursorFor(name, plan.fromOf(name)));
    this.output = new SubscriptionOutput(connection, replay.pace, plan, cursors);
    this.catchUp = new CatchUp(cursors, this, connection, replay, plan.snapshot, this.output);
  }

  get isStopped(): boolean {
    return this.state === 'stopped';
  }

  get channelNames(): readonly string[] {
    return this.cursors.map(({ channel }) => channel.name);
  }

  /** Its group writes for it, as long as it is live. */
  get lag(): number {
    if (this.state === 'live') return 0;
    return this.cursors.reduce((sum, { channel, next }) => sum + Math.max(0, channel.log.next - next), 0);
  }

  private get cursors(): readonly ChannelCursor[] {
    return this.catchUp.cursors;
  }

  /** Begins to feed the connection, and calls `onSubscribe`. */
  attach(): void {
    for (const { channel } of this.cursors) channel.watch(this);
    this.connection.attach(this);
    if (this.isStopped) return;
    this.isAnnounced = true;
    tellSubscribed(this, this.plan, this.end);
  }

  /** @returns a promise that resolves when it is known whether there is a stream: a client that has all of an ended channel gets 204 */
  start(): Promise<void> | undefined {
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
    this.delivery?.done();
    this.begun?.();
    this.replay.reader.leave(this);
    this.replay.pages.leave(this);
    this.replay.pace.forget(this);
    this.catchUp.letGo();
    for (const { channel } of this.cursors) channel.unwatch(this);
    this.changes?.drop();
    this.group?.quit(this);
    if (this.isAnnounced) tellUnsubscribed(this, this.plan, this.end);
  }

  resume(): void {
    this.pump();
  }

  deliver(): Promise<boolean> | undefined {
    // A client that has no position yet misses nothing: it begins anew.
    if (!this.hasBegun || this.isStopped) return undefined;
    if (this.group?.isFlushing) {
      return new Promise((resolve) => nextTick(() => resolve(this.deliver() ?? true)));
    }
    const delivery = (this.delivery = new FinalDelivery());
    const limits = delivery.find(this.cursors, this.replay.heads);
    this.group?.release(this);
    if (limits instanceof Promise) {
      void limits.then((found) => this.deliverTo(delivery, found));
    } else {
      this.deliverTo(delivery, limits);
      if (this.isStopped || this.isDelivered) return undefined;
    }
    return delivery.wait();
  }

  moved(): void {
    this.pump();
  }

  proceed(): void {
    if (this.state === 'deferred') this.enter('following');
    this.pump();
  }

  fellBehind(numbers: readonly number[]): void {
    this.group = undefined;
    this.enter(this.connection.isWritable ? 'following' : 'blocked');
    this.cursors.forEach((cursor, index) => {
      cursor.moveTo(numbers[index]!);
      cursor.channel.watch(this);
    });
    // It is in the middle of a burst. The rest of the burst is kept for it, whatever the bounds of the history are.
    if (!this.catchUp.isAtHead) this.catchUp.keep();
  }

  failed(error: unknown): void {
    this.group = undefined;
    try {
      endWithFailure(this.connection, error, this.end);
    } catch (broken) {
      // The end cannot be written either.
      this.end.report(broken);
      this.connection.cut(closeReason('source_failed', undefined, error));
    }
  }

  /**
   * @returns a promise that resolves when the client is told of it: what is published from then on reaches it. `false`: it may not read
   *   the channel
   * @throws {SseError} as a rejection, `SSE_INVALID_CHANNEL` when they are too many
   */
  async join(name: string, from: SseFrom): Promise<boolean> {
    if (this.connection.options.authorize && (await this.isForbidden(name))) return false;
    const isThere = this.cursors.some(({ channel }) => channel.name === name);
    const isComing = this.changes?.isComing(name);
    const isGoing = this.changes?.isGoing(name);
    if (this.isStopped || isComing || (isThere && !isGoing)) return true;
    checkChannelCount(this.cursors.length + (this.changes?.size ?? 0) + 1);
    const cursor = this.cursorFor(name, from);
    await new Promise<void>((done) => this.change((changes) => changes.join(cursor, done)));
    return true;
  }

  private async isForbidden(name: string): Promise<boolean> {
    try {
      return (await firstForbidden(this.connection, [name])) !== undefined;
    } catch (error) {
      // Nobody has said yes.
      this.end.report(error);
      return true;
    }
  }

  /** @returns when the client is told of it */
  leave(name: string): Promise<void> {
    if (this.isStopped) return Promise.resolve();
    return new Promise((done) => this.change((changes) => changes.leave(name, done)));
  }

  // --- moving on ------------------------------------------------------------------------------------------------

  /** Moves on as far as the socket has room. */
  private pump(): void {
    // The group writes for a live reader. Here the socket drained after something else, such as a ping.
    const { state } = this;
    if (this.delivery?.isHeld) return;
    if (state !== 'starting' && state !== 'following' && state !== 'blocked') return;
    this.enter('moving');
    try {
      this.move();
    } catch (error) {
      // A filter has thrown, or headers cannot be sent. Only this client is concerned.
      this.failed(error);
    }
    if (this.hasBegun) this.begun?.();
    if (!this.is('moving')) return;
    if (!this.hasBegun) this.enter('starting');
    else this.enter(this.connection.isWritable ? 'following' : 'blocked');
  }

  private move(): void {
    // The snapshot comes first, because the next positions are newer.
    if (!this.catchUp.sendMade()) return this.defer();
    if (this.hasChanges && !this.delivery) this.makeChanges();
    if (!this.hasBegun && !this.begin()) return;
    if (!this.is('moving')) return;
    const halt = this.catchUp.run();
    if (halt === 'paused') return;
    if (halt === 'turn') return this.defer();
    if (halt !== 'done') return this.wait(halt);
    if (this.delivery) {
      // The connection is ending. A group would also send later events.
      if (this.isDelivered) this.delivery.done();
      return;
    }
    if (this.cursors.length === 0 || this.hasChanges) return;
    // If nothing was sent, the client has everything: it gets 204, and need not come back.
    if (this.cursors.every(({ channel }) => channel.isEnded)) endCompleted(this.connection, this.end);
    else this.goLive();
  }

  /** @returns whether it is known where to go on */
  private begin(): boolean {
    if (!this.cursors.every(({ channel }) => channel.isReady)) return false;
    this.hasBegun = true;
    const pending = this.catchUp.begin();
    if (pending) this.wait(pending);
    return true;
  }

  private get isDelivered(): boolean {
    return this.delivery !== undefined && this.catchUp.isAtLimit;
  }

  private deliverTo(delivery: FinalDelivery, limits: Limits): void {
    delivery.limit(this.cursors, limits);
    this.pump();
  }

  private get hasChanges(): boolean {
    return this.changes !== undefined && this.changes.size > 0;
  }

  private goLive(): void {
    if (this.output.hasOwnEvents || this.hasOwnIds) return;
    this.connection.commit();
    if (!this.connection.isWritable || this.isStopped) return;
    const group = this.channels.groupOf(this.cursors.map(({ channel }) => channel));
    if (!group.join(this)) return;
    this.group = group;
    this.enter('live');
    for (const { channel } of this.cursors) channel.unwatch(this);
  }

  /** Whether its client has a position that is ahead of a channel's head. The ids of a group are positions of heads. */
  private get hasOwnIds(): boolean {
    return this.cursors.length > 1 && this.cursors.some(({ told, position }) => told !== position);
  }

  /** Lets other readers have their turn. */
  private defer(): void {
    this.catchUp.keep();
    this.enter('deferred');
    this.replay.pace.defer(this);
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
    const { pace } = this.replay;
    if (this.state === 'blocked') pace.blocked--;
    if (state === 'blocked') pace.blocked++;
    else if (state !== 'moving') this.output.held = undefined;
    this.state = state;
  }

  /** A method, because the compiler does not know that calls change the state. */
  private is(state: FeedState): boolean {
    return this.state === state;
  }

  // --- channels that come and go --------------------------------------------------------------------------------------

  private change(ask: (changes: ChannelChanges) => void): void {
    ask((this.changes ??= new ChannelChanges(this, this.catchUp)));
    if (this.state === 'moving') return nextTick(() => this.pump());
    if (this.state !== 'live') return this.pump();
    // Its group is writing. The place of this reader is known when the group has finished.
    if (this.group?.isFlushing) nextTick(() => this.leaveGroup());
    else this.leaveGroup();
  }

  private leaveGroup(): void {
    this.group?.release(this);
    this.pump();
  }

  private makeChanges(): void {
    const pending = this.changes?.make(this.hasBegun);
    if (pending) this.wait(pending);
  }

  private cursorFor(name: string, from: SseFrom): ChannelCursor {
    return new ChannelCursor(this.channels.get(name), from, this.connection.options.buffer.maxBytes);
  }
}
