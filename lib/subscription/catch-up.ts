import type { SseGapReason } from '../protocol/gap-reason.js';
import { closeReason } from '../connection/close-reason.js';
import type { Connection } from '../connection/connection.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import type { StoppableReader } from '../replay/store-reader.js';
import type { ChannelCursor } from '../replay/channel-cursor.js';
import type { ReplayResources } from '../replay/replay-resources.js';
import type { SnapshotLoad, SnapshotPlan } from '../replay/snapshot-loads.js';
import { beginAt, startFresh } from './starting-point.js';
import { isUnheard, refillStep } from './store-refill.js';
import type { StorePage } from '../replay/store-pages.js';
import type { SubscriptionOutput } from './subscription-output.js';

/**
 * Why a reader stops reading for now. `'done'`: it has everything. `'paused'`: its socket is full, or there is nothing more
 * now. `'turn'`: other readers have their turn. A promise: it waits for the store or a snapshot.
 */
export type Halt = 'done' | 'paused' | 'turn' | Promise<void>;

/**
 * Brings the cursors of one subscription to the heads of their channels: from the log, from the store, or over a gap. It
 * sends a snapshot when one is due.
 *
 * @internal
 */
export class CatchUp {
  /** A snapshot must be sent before anything newer. */
  isSnapshotDue = false;
  /** A snapshot that is made. It waits for the reader's turn. */
  private made: { readonly load: SnapshotLoad; readonly state: SseEventInit } | undefined;
  /** The client was told of a gap without a new position. It gets that with the snapshot. */
  private isOwed = false;
  /** A snapshot was sent. The events that came while it was made were not sent yet. */
  private isBehindSnapshot = false;
  /** It has been at the heads of its channels. */
  private hasCaughtUp = false;
  /** The log keeps new events for this reader. */
  private isLate = false;

  /** @param stream the subscription that has the cursors. When it is stopped, nothing is sent */
  constructor(
    public cursors: readonly ChannelCursor[],
    private readonly stream: StoppableReader,
    private readonly connection: Connection,
    private readonly replay: ReplayResources,
    private readonly snapshot: SnapshotPlan | undefined,
    readonly output: SubscriptionOutput,
  ) {}

  get isAtHead(): boolean {
    return this.cursors.every(({ isAtHead }) => isAtHead);
  }

  /** Whether the client has everything that it gets before its connection ends. */
  get isAtLimit(): boolean {
    return (
      !this.isSnapshotDue &&
      !this.isOwed &&
      !this.made &&
      this.cursors.every((cursor) => cursor.limit && cursor.isAtHead)
    );
  }

  /** Puts all cursors where the client goes on. @returns a promise if the store must be asked */
  begin(): Promise<void> | undefined {
    const { cursors, replay, stream } = this;
    const { isFresh, isUntold, pending } = beginAt(cursors, this.connection.lastEventId, replay, stream);
    this.isSnapshotDue = this.snapshot !== undefined && isFresh;
    const tell = () => {
      if (isUntold && !this.isSnapshotDue) this.tellPosition();
    };
    if (pending) return pending.then(tell);
    tell();
    return undefined;
  }

  /** Adds a cursor, and starts it. @returns a promise if the store must be asked: it resolves when the client is told */
  add(cursor: ChannelCursor): Promise<void> | undefined {
    this.cursors = [...this.cursors, cursor];
    if (this.isLate) cursor.channel.keepFor(cursor);
    return startFresh(cursor, this.replay, this.stream)?.then(() => this.tellPosition());
  }

  /** Sends the snapshot that was made for this reader. @returns whether it had time to */
  sendMade(): boolean {
    const { made } = this;
    if (!made) return true;
    if (!this.replay.pace.hasTime) return false;
    this.made = undefined;
    this.isOwed = false;
    this.output.sendState(made.load, made.state);
    return true;
  }

  /** Moves on as far as the socket has room. */
  run(): Halt {
    // One pass is not enough: a filter may publish to a channel whose cursor was done.
    while (!this.cursors.every((cursor) => this.isDone(cursor))) {
      // What has yet to reach this node holds up nobody else.
      const movable = this.cursors.filter((cursor) => !this.isDone(cursor) && !isUnheard(cursor));
      if (movable.length === 0) return 'paused';
      for (const cursor of movable) {
        while (!this.isDone(cursor) && !isUnheard(cursor)) {
          if (!this.replay.pace.hasTime) return 'turn';
          const halt = this.advance(cursor);
          if (halt) return halt;
        }
      }
    }
    if (this.isSnapshotDue) return this.sendSnapshot();
    this.letGo();
    this.isBehindSnapshot = false;
    if (!this.hasCaughtUp) this.tellReplayed();
    return 'done';
  }

  /** Tells the observer, once. When the reader reads the log later, it is slow or has a filter: that is no replay. */
  private tellReplayed(): void {
    const { connection, output } = this;
    this.hasCaughtUp = true;
    if (output.eventsRead > 0) connection.observer.replayed(connection, output.eventsRead);
  }

  /** Tells the client where it stands, unless it has left. */
  tellPosition(): void {
    if (!this.stream.isStopped) this.output.tellPosition();
  }

  /** Makes the logs keep new events until the reader has them. */
  keep(): void {
    // Also when it is late already: a log drops a cursor that fell behind it, and this cursor may have moved since then.
    this.isLate = true;
    for (const cursor of this.cursors) cursor.channel.keepFor(cursor);
  }

  letGo(): void {
    if (!this.isLate) return;
    this.isLate = false;
    for (const cursor of this.cursors) cursor.channel.letGo(cursor);
  }

  private get hasRoom(): boolean {
    return this.connection.isWritable && !this.stream.isStopped;
  }

  private isDone(cursor: ChannelCursor): boolean {
    // A snapshot must be newer than the cursor, and older than everything that is sent after it.
    return this.isSnapshotDue ? !cursor.gap && !cursor.isRefilling : cursor.isAtHead;
  }

  /** @returns nothing when there is room for more, and nothing to wait for */
  private advance(cursor: ChannelCursor): Halt | undefined {
    if (cursor.isRefilling) return this.refill(cursor);
    if (cursor.isBehind && !cursor.gap) this.fallBack(cursor);
    // The first write sends the headers, and on some platforms that takes a while.
    this.connection.commit();
    if (!this.hasRoom) return 'paused';
    if (cursor.gap) this.tellGaps();
    else if (cursor.isBehind && !cursor.isRefilling) this.output.sendLatest(cursor);
    else if (!cursor.isRefilling && !cursor.isAtHead) this.output.sendSlice(cursor);
    return this.hasRoom ? undefined : 'paused';
  }

  /** The log has moved past this reader. */
  private fallBack(cursor: ChannelCursor): void {
    const { channel } = cursor;
    const { slowClient } = channel.settings;
    const reason = channel.reasonFor(cursor.next);
    if (reason === 'slow_client') {
      if (slowClient === 'disconnect') return this.connection.end(closeReason('slow_client'));
      // `sendLatest()` can still send the newest event of each key.
      if (channel.latest && channel.latest.lost < cursor.next) return;
    }
    if (this.replay.backplane.retains) cursor.isRefilling = true;
    else cursor.miss(reason);
  }

  // --- from the store ---------------------------------------------------------------------------------------------

  /** @returns nothing when it goes on at once */
  private refill(cursor: ChannelCursor): Halt | undefined {
    const step = refillStep(cursor, this.replay.pages, this.stream, this.connection.isWritable);
    if (step === 'inLog') return undefined;
    if (step === 'paused' || step instanceof Promise) return step;
    this.take(cursor, step);
    return this.hasRoom ? undefined : 'paused';
  }

  private take(cursor: ChannelCursor, page: StorePage): void {
    cursor.askedAt = undefined;
    cursor.isFresh = false;
    if (page.isTrimmed) {
      cursor.missBeginning();
      cursor.position = page.before;
      this.connection.commit();
      this.tellGaps();
    }
    this.output.sendPage(cursor, page);
  }

  // --- gaps and snapshots -----------------------------------------------------------------------------------------

  /** Announces what is missing, and goes on at the heads, or behind what was lost: the failure of an answer may follow it. */
  private tellGaps(): void {
    const { replay } = this;
    const missing = this.cursors.filter(({ gap }) => gap !== undefined);
    // While the last snapshot was made, more events came than could be kept. Another snapshot would take as long.
    const isHopeless = this.isBehindSnapshot && missing.every(({ gap }) => gap === 'slow_client' || gap === 'trimmed');
    const snapshot = isHopeless ? undefined : this.snapshot;
    const others = this.cursors.filter(({ gap }) => gap === undefined);
    const load = snapshot && replay.snapshots.find(snapshot, this.cursors, others);
    const byReason = new Map<SseGapReason, ChannelCursor[]>();
    for (const cursor of missing) {
      byReason.set(cursor.gap!, [...(byReason.get(cursor.gap!) ?? []), cursor]);
      const { channel } = cursor;
      cursor.jump(load?.nextIn(channel) ?? (snapshot ? channel.log.next : cursor.afterLoss));
    }
    if (snapshot) this.isSnapshotDue = this.isOwed = true;
    this.output.tellGaps(byReason, this.isSnapshotDue);
  }

  private async sendSnapshot(): Promise<void> {
    const { snapshot, cursors, connection, replay } = this;
    this.isSnapshotDue = false;
    if (!snapshot) return;
    let load: SnapshotLoad | undefined = replay.snapshots.find(snapshot, cursors);
    load ??= replay.snapshots.begin(snapshot, cursors, connection.options.buffer.maxBytes);
    for (const cursor of cursors) {
      // Events in between are in the state that others wait for, or follow it.
      const next = load.nextIn(cursor.channel);
      if (cursor.next > next) cursor.startAt(next);
      cursor.isFresh = false;
    }
    this.keep();
    this.isBehindSnapshot = true;
    // All readers that wait for it go on at once. Each sends it in its own turn.
    this.made = { load, state: await load.state };
  }
}
