import type { SseBackplaneListener } from '../backplane/backplane.js';
import type { SseGapReason } from '../protocol/gap-reason.js';
import { isWhole, toBackplaneEntry, type ChannelHead, type ChannelStore, type StoredEntry } from './channel-store.js';
import { readAfter } from './entry-range.js';
import type { ChannelNotifications } from './notifications.js';

/** What is read at once while catching up: a bound on memory, and on how long the store is kept from others. */
const SLICE = { limit: 200, maxBytes: 1_048_576 };

/** Notifications kept while catching up. Beyond it they are forgotten, and read afterwards. */
const MAX_WAITING = 1_000;

/**
 * Follows one channel for this node: from the notifications, which carry whole entries, and from the store when one of
 * them shows that something was missed: each entry refers to the one before it. Everything is told in the store's order, once.
 *
 * At any time it is either following (`work` is undefined, and each notification is told at once) or busy with the
 * store, while notifications wait.
 *
 * @internal
 */
export class ChannelFollower implements ChannelNotifications {
  readonly listeners = new Set<SseBackplaneListener>();
  /** When the last notification came. */
  heardAt = performance.now();
  /** Whether something may be missing that could not be read: the store is away. */
  isBehind = true;
  /** Whether its notifications have ever arrived. Before that nobody is told where it stands: what comes next could be lost. */
  isHeard = false;
  /** Whether something else than a channel is stored under its key. */
  isUnreadable = false;
  /** When the store was last asked for its head. */
  lookedAt = performance.now();
  private isReady = false;
  private last: string | undefined;
  private isEnded = false;
  private waiting: StoredEntry[] = [];
  private hasForgotten = false;
  private work: Promise<void> | undefined;
  private needsWork = false;
  private isClosed = false;

  constructor(
    readonly channel: string,
    private readonly store: ChannelStore,
    /** Runs what asks the store, so that not all channels ask at once. */
    private readonly inTurn: (work: () => Promise<void>) => Promise<void>,
    /** Resolves when every notification has come that was sent before what the store has just answered. Never rejects. */
    private readonly settled: () => Promise<void>,
  ) {}

  get isBusy(): boolean {
    return this.work !== undefined;
  }

  /** The newest position that was told. */
  get position(): string | undefined {
    return this.last;
  }

  /**
   * Nobody has spoken of the channel lately: is there something that should have been told? Also keeps it from expiring.
   *
   * Rejects when the store is away.
   */
  async check(): Promise<void> {
    if (this.work || this.isClosed) return;
    this.lookedAt = performance.now();
    try {
      const { head } = await this.store.look(this.channel, this.last);
      // It may be on its way, on the other connection.
      if (head !== this.last) await this.settled();
      const isBehind = this.last === undefined || this.store.order.compare(head, this.last) > 0;
      if ((isBehind || this.isUnreadable) && !this.isClosed) void this.catchUp();
    } catch (error) {
      if (!this.store.isUnreadable(error)) throw error;
      if (!this.isUnreadable && !this.isClosed) void this.catchUp();
    }
  }

  /** A listener is told where the channel stands as soon as that is known. */
  listen(listener: SseBackplaneListener): void {
    this.listeners.add(listener);
    if (this.isReady) listener.ready(this.last, this.isEnded);
  }

  close(): void {
    this.isClosed = true;
    this.waiting = [];
  }

  /** Nothing is missed from now on that was not already: looks what was. */
  subscribed(): void {
    this.isHeard = true;
    void this.catchUp();
  }

  stored(entry: StoredEntry): void {
    if (this.isClosed) return;
    this.heardAt = performance.now();
    if (this.work) {
      if (this.waiting.length < MAX_WAITING) this.waiting.push(entry);
      else this.hasForgotten = true;
    } else if (this.follows(entry)) {
      this.tell(entry);
    } else {
      // Missed something; or a late copy of what was read already; or the store went back in time.
      void this.catchUp();
    }
  }

  /** Compares the head with what was told. @returns when that is done */
  catchUp(): Promise<void> {
    this.needsWork = true;
    return (this.work ??= this.inTurn(() => this.run()).finally(() => {
      this.work = undefined;
      // What came between the last look and now. Of a closed one nothing is read any more, so nothing would ever change.
      const isLeft = this.waiting.length > 0 || this.needsWork;
      if (isLeft && !this.isBehind && !this.isClosed) void this.catchUp();
    }));
  }

  private async run(): Promise<void> {
    while (this.needsWork && !this.isClosed) {
      this.needsWork = false;
      this.isBehind = true;
      try {
        if (this.last === undefined) this.begin(await this.store.look(this.channel));
        else while (await this.slice(this.last));
        this.isUnreadable = false;
      } catch (error) {
        this.waiting = [];
        this.hasForgotten = false;
        // The store is away. Whoever keeps the watches tries again when it is back.
        if (!this.store.isUnreadable(error)) return;
        this.lose();
      }
      this.isBehind = false;
      this.drain();
    }
  }

  private begin({ head, isEnded }: ChannelHead): void {
    if (this.isClosed) return;
    if (this.isReady) {
      // What was there before was no channel: nobody has a position in it.
      this.gap('store_lost', head, isEnded);
      return;
    }
    this.isReady = true;
    this.last = head;
    this.isEnded = isEnded;
    for (const listener of this.listeners) listener.ready(head, isEnded);
  }

  /** What is stored under the key is no channel. It is somebody's, so it stays, and is looked at now and then. */
  private lose(): void {
    if (this.isUnreadable || this.isClosed) return;
    this.isUnreadable = true;
    if (this.isReady) {
      for (const listener of this.listeners) listener.gap('store_lost', this.last);
      return;
    }
    this.isReady = true;
    for (const listener of this.listeners) listener.ready(undefined, false);
  }

  /** Reads on. @returns whether there may be more */
  private async slice(last: string): Promise<boolean> {
    const { entries, gap, beyond, head } = await readAfter(this.store, this.channel, last, SLICE);
    if (this.isClosed) return false;
    if (gap === undefined) {
      for (const entry of entries) this.tell(entry);
      return entries.length > 0;
    }
    // What is not stored any more may be on its way: all that a channel sends which keeps nothing, say.
    await this.settled();
    if (this.isClosed || this.waiting.some((entry) => this.follows(entry))) return false;
    const [next] = beyond;
    if (!next) {
      // A head that is older than what was told: the store has lost the end. It begins a new life, behind it.
      const isAhead = head !== undefined && this.store.order.compare(head.head, last) > 0;
      const now = isAhead ? head : await this.store.look(this.channel, last);
      if (!this.isClosed) this.gap(gap === 'trimmed' ? gap : 'store_lost', now.head, now.isEnded);
      return false;
    }
    if (!isWhole(next)) {
      this.gap('store_lost', next.position);
    } else if (this.store.order.compare(next.previous, last) >= 0) {
      // It is told here, not read again: an entry may say anything of the one before it, and each round must get further.
      this.gap(this.reasonOf(gap, next, last), next.previous);
      this.tell(next);
    } else if (!(await this.store.break(this.channel, last)) && !this.isClosed) {
      // The end was lost, and somebody stored on; or it only says so. Nobody is led back to where it says it stands.
      this.gap('store_lost', next.position, next.event.kind === 'end');
    }
    return !this.isClosed;
  }

  /** What came while the store was read: the copies of what was read are dropped, the rest goes on from there. */
  private drain(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const entry of waiting) {
      if (this.follows(entry)) this.tell(entry);
      else if (this.last === undefined || this.store.order.compare(entry.position, this.last) > 0)
        this.needsWork = true;
    }
    if (this.hasForgotten) {
      this.hasForgotten = false;
      this.needsWork = true;
    }
  }

  private follows({ position, previous, from }: StoredEntry): boolean {
    // The second: anyone with access to the store may have sent it, and what is told must never go back.
    return (from ?? previous) === this.last && this.store.order.compare(position, this.last) > 0;
  }

  private tell(entry: StoredEntry): void {
    if (!isWhole(entry)) {
      this.gap('store_lost', entry.position);
      return;
    }
    this.last = entry.position;
    this.isEnded = entry.event.kind === 'end';
    const told = toBackplaneEntry(entry);
    for (const listener of this.listeners) listener.entry(told);
  }

  private gap(reason: SseGapReason, head: string, isEnded = false): void {
    this.last = head;
    this.isEnded = isEnded;
    for (const listener of this.listeners) listener.gap(reason, head);
  }

  /** For one who followed: entries of a life that it has not seen begin are a loss, what the bounds dropped is not. */
  private reasonOf(gap: SseGapReason, next: StoredEntry, last: string): SseGapReason {
    return next.life !== undefined && this.store.order.compare(last, next.life) < 0 ? 'store_lost' : gap;
  }
}
