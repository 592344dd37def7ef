import type { SseBackplaneListener } from '../backplane/backplane.js';
import type { SseGapReason } from '../backplane/gap-reason.js';
import { isWhole, parseNotification, toBackplaneEntry, type StoredEntry } from './stored-entry.js';
import { comparePositions } from './stream-position.js';
import type { ChannelHead, StreamStore } from './stream-store.js';

/** What is read at once while catching up: a bound on memory, and on how long Redis is kept from others. */
const SLICE = { limit: 200, maxBytes: 1_048_576 };

/** Notifications kept while catching up. Beyond it they are forgotten, and read afterwards. */
const MAX_WAITING = 1_000;

/**
 * Follows one channel for this node: from the notifications, which carry whole entries, and from the store when one of
 * them shows that something was missed. Everything is told in the store's order, once.
 *
 * At any time it is either following (`work` is undefined, and each notification is told at once) or busy with the
 * store, while notifications wait.
 *
 * @internal
 */
export class ChannelWatch {
  readonly listeners = new Set<SseBackplaneListener>();
  /** When the last notification came. */
  heardAt = performance.now();
  /** Whether something may be missing that could not be read: the store is away. */
  isBehind = true;
  private last: string | undefined;
  private isEnded = false;
  private waiting: StoredEntry[] = [];
  private hasForgotten = false;
  private work: Promise<void> | undefined;
  private needsWork = false;
  private isClosed = false;

  constructor(
    readonly stream: string,
    private readonly store: StreamStore,
    /** Runs what asks the store, so that not all channels ask at once. */
    private readonly inTurn: (work: () => Promise<void>) => Promise<void>,
  ) {}

  get isBusy(): boolean {
    return this.work !== undefined;
  }

  /** Nobody has spoken of the channel lately: is there something that should have been told? Also keeps it from expiring. */
  async check(): Promise<void> {
    if (this.work || this.isClosed) return;
    const head = await this.store.look(this.stream, true).catch(() => undefined);
    // A failure shows elsewhere; what came meanwhile has moved `last`, and then catching up finds nothing.
    if (head && head.head !== this.last && !this.isClosed) void this.catchUp();
  }

  /** A listener is told where the channel stands as soon as that is known. */
  listen(listener: SseBackplaneListener): void {
    this.listeners.add(listener);
    if (this.last !== undefined) listener.ready(this.last, this.isEnded);
  }

  close(): void {
    this.isClosed = true;
    this.waiting = [];
  }

  /** Nothing is missed from now on that was not already: looks what was. */
  subscribed(): void {
    void this.catchUp();
  }

  message(text: string): void {
    const entry = parseNotification(text);
    if (!entry || this.isClosed) return;
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
        if (this.last === undefined) this.begin(await this.store.look(this.stream, true));
        else while (await this.slice(this.last));
      } catch {
        // The store is away. Whoever keeps the watches tries again when it is back.
        this.waiting = [];
        this.hasForgotten = false;
        return;
      }
      this.isBehind = false;
      this.drain();
    }
  }

  private begin(head: ChannelHead | undefined): void {
    if (!head || this.isClosed) return;
    this.last = head.head;
    this.isEnded = head.isEnded;
    for (const listener of this.listeners) listener.ready(this.last, this.isEnded);
  }

  /** Reads on. @returns whether there may be more */
  private async slice(last: string): Promise<boolean> {
    const { entries, gap, beyond, head } = await this.store.follow(this.stream, last, SLICE);
    if (this.isClosed) return false;
    if (gap !== undefined) {
      const [next] = beyond;
      if (next && isWhole(next)) {
        // The head of a channel that was lost is new or older: what is told next follows on that. It is told here, not
        // read again from there: an entry may say anything of the one before it, and each round must get further.
        this.gap(reasonOf(gap, next, last), next.previous);
        this.tell(next);
      } else if (next) this.gap('store_lost', next.position);
      else {
        const now = head ?? (await this.store.look(this.stream, true));
        this.gap(gap === 'trimmed' ? gap : 'store_lost', now?.head ?? last, now?.isEnded);
        return false;
      }
      return true;
    }
    for (const entry of entries) this.tell(entry);
    return entries.length > 0;
  }

  /** What came while the store was read: the copies of what was read are dropped, the rest goes on from there. */
  private drain(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const entry of waiting) {
      if (this.follows(entry)) this.tell(entry);
      else if (this.last === undefined || comparePositions(entry.position, this.last) > 0) this.needsWork = true;
    }
    if (this.hasForgotten) {
      this.hasForgotten = false;
      this.needsWork = true;
    }
  }

  private follows({ position, previous, from }: StoredEntry): boolean {
    // The second: anyone with access to Redis may have sent it, and what is told must never go back.
    return (from ?? previous) === this.last && comparePositions(position, this.last) > 0;
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
}

/** For one who followed: entries of a life that it has not seen begin are a loss, what the bounds dropped is not. */
function reasonOf(gap: SseGapReason, next: StoredEntry, last: string): SseGapReason {
  return next.life !== undefined && comparePositions(last, next.life) < 0 ? 'store_lost' : gap;
}
