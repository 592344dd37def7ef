import type { SseGapReason } from '../protocol/gap-reason.js';
import type { Channel, LateReader } from '../channel/channel.js';
import type { StorePage } from './store-pages.js';

/**
 * Where a client begins in a channel that its id does not name. `'live'`: with what is published from now on.
 * `'earliest'`: with the oldest event that is kept. `{ position }`: after the event with this id. `{ time }`: with what was
 * published at this moment or later.
 */
export type SseFrom =
  | 'live'
  | 'earliest'
  | { readonly position: string }
  /** A `Date`, or milliseconds since 1970. */
  | { readonly time: number | Date };

/** Where a reader must stop: the number of the first entry that it does not get, and the position of the entry before. */
export interface ReadLimit {
  readonly number: number;
  readonly position: string | undefined;
}

/**
 * Where one reader stands in one channel.
 *
 * @internal
 */
export class ChannelCursor implements LateReader {
  /** The number of the entry to read next. */
  next = 0;
  /** Whether it has stood in the log, so that `next` says how much of that it has. */
  wasInLog = false;
  /** The position of the last entry that the reader has. */
  position: string | undefined;
  /** The gap that must be announced before anything newer. */
  gap: SseGapReason | undefined;
  /** The reader is not in the log: it reads from the store until it is. */
  isRefilling = false;
  /** A page of the store that waits for the reader's turn. */
  page: StorePage | undefined;
  /** The end of the log when the store was asked last and had no more. */
  askedAt: number | undefined;
  /** The reader gets nothing from here on. Its connection ends when it has all before. */
  limit: ReadLimit | undefined;
  /** The client has nothing of the channel yet, not even a position. */
  isFresh = false;
  /** Only the beginning is missing: the reader goes on where it is, not at the head. */
  private isAtBeginning = false;
  /** A position that this client has and the store has lost, and the position from which the client goes on instead. */
  private ahead: { readonly lost: string; readonly at: string | undefined } | undefined;

  constructor(
    readonly channel: Channel,
    readonly from: SseFrom,
    readonly maxKeptBytes: number,
  ) {}

  /** The short form of the channel's name in an id. */
  get hash(): string {
    return this.channel.hash;
  }

  /**
   * The position that the client is told. If the store has lost that position, the client keeps it until something newer comes.
   * With an older one, a node that has not noticed the loss would send the same events again.
   */
  get told(): string | undefined {
    const { ahead, position } = this;
    return ahead && ahead.at === position ? ahead.lost : position;
  }

  get isBehind(): boolean {
    return this.next < this.channel.log.first;
  }

  get isAtHead(): boolean {
    if (this.gap) return false;
    if (this.limit && this.position === this.limit.position) return true;
    return !this.isRefilling && this.next >= this.end;
  }

  /** The number behind the last entry that this reader gets. */
  get end(): number {
    const { next } = this.channel.log;
    return this.limit ? Math.min(this.limit.number, next) : next;
  }

  /** Begins where `from` says. A `time` of a store is looked up by the store. */
  startFresh(retains: boolean): void {
    const { from, channel } = this;
    if (from === 'live') this.startAt(channel.log.next);
    else if (from === 'earliest') this.startEarliest(retains);
    else if ('position' in from) this.resumeAt(from.position, retains);
    else if (!retains) this.startSince(from.time);
  }

  /** Begins with the oldest event that is kept. */
  startEarliest(retains: boolean): void {
    this.position = undefined;
    this.isRefilling = retains;
    if (retains) return;
    const oldest = this.channel.log.oldest(performance.now());
    this.moveTo(oldest);
    if (oldest > this.channel.beginning) this.missBeginning();
  }

  /** Begins with the entry of that number. */
  startAt(number: number): void {
    this.isRefilling = false;
    this.moveTo(number);
  }

  /** Goes on after `position`. */
  resumeAt(position: string, retains: boolean): void {
    this.position = position;
    this.isRefilling = !this.findInLog();
    // An entry that is too old counts as gone, also while the log still has it. A store checks this by itself.
    if (!this.isRefilling && !retains && this.next < this.channel.log.oldest(performance.now())) this.miss('trimmed');
  }

  /** @returns whether the log has the position, and the cursor stands behind it now */
  findInLog(): boolean {
    const number = this.position === undefined ? undefined : this.channel.log.cursorAfter(this.position);
    if (number === undefined) return false;
    this.next = number;
    this.wasInLog = true;
    this.isRefilling = false;
    return true;
  }

  moveTo(number: number): void {
    this.next = number;
    this.wasInLog = true;
    if (number >= this.channel.log.first) this.position = this.channel.log.positionBefore(number) ?? this.position;
  }

  miss(reason: SseGapReason): void {
    this.gap = reason;
    this.isAtBeginning = false;
    this.isRefilling = false;
  }

  /** Events before the cursor are gone. Events behind it are there. */
  missBeginning(): void {
    this.gap = 'trimmed';
    this.isAtBeginning = true;
  }

  /** Gives up what is missing. @param number where to go on instead */
  jump(number: number): void {
    const lost = this.gap === 'future' ? this.told : undefined;
    this.gap = undefined;
    if (this.isAtBeginning) {
      this.isAtBeginning = false;
      return;
    }
    this.next = number;
    this.wasInLog = true;
    this.position = this.channel.log.positionBefore(number);
    this.ahead = lost === undefined ? undefined : { lost, at: this.position };
  }

  /**
   * Where to go on when something is missing: with what came after the loss, if this reader was here before it and all of that is
   * in the log, else at the head. Who comes with a position that nobody knows reads nothing of what was before it came.
   */
  get afterLoss(): number {
    const { channel, wasInLog, next } = this;
    return (wasInLog ? channel.afterLoss(next) : undefined) ?? channel.log.next;
  }

  private startSince(time: number | Date): void {
    // A clock of milliseconds may be one behind. One event too many is better than one too few.
    const at = performance.now() - (Date.now() - Number(time)) - 1;
    const { log } = this.channel;
    const number = log.firstSince(at);
    if (number > log.oldest(performance.now())) this.startAt(number);
    else this.startEarliest(false);
  }
}
