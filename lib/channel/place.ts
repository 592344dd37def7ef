import type { SseGapReason } from '../backplane/gap-reason.js';
import type { Channel } from './channel.js';

/** The end of what a reader gets: the number of an entry, and the position of the one before it. */
export interface Limit {
  readonly number: number;
  readonly position: string | undefined;
}

/**
 * Where one reader stands in one channel.
 *
 * @internal
 */
export class Place {
  /** The number of the entry to read next. */
  cursor = 0;
  /** What the reader has everything up to, as its client is told. */
  position: string | undefined;
  /** What is to be announced before anything newer. */
  gap: SseGapReason | undefined;
  /** The reader is not in the log: it reads from the store until it is. */
  isRefilling = false;
  /** Where the log ended when the store was asked last, and had no more. */
  askedAt: number | undefined;
  /** Nothing from here on is for this reader: its connection ends when it has all before. */
  limit: Limit | undefined;

  constructor(readonly channel: Channel) {}

  /** What stands for the channel in an id. */
  get hash(): string {
    return this.channel.hash;
  }

  get isBehind(): boolean {
    return this.cursor < this.channel.log.first;
  }

  get isAtHead(): boolean {
    if (this.gap) return false;
    if (this.limit && this.position === this.limit.position) return true;
    return !this.isRefilling && this.cursor >= this.end;
  }

  /** The number of the entry behind the last one that is for this reader. */
  get end(): number {
    const { next } = this.channel.log;
    return this.limit ? Math.min(this.limit.number, next) : next;
  }

  startFresh(from: 'live' | 'earliest', retains: boolean): void {
    const { log } = this.channel;
    this.isRefilling = false;
    if (from === 'earliest' && retains) {
      this.position = undefined;
      this.isRefilling = true;
    } else {
      this.moveTo(from === 'earliest' ? log.oldest(performance.now()) : log.next);
    }
  }

  /** Begins with the entry of that number. */
  startAt(cursor: number): void {
    this.isRefilling = false;
    this.moveTo(cursor);
  }

  /** Goes on after `position`; with none the channel is new to the client, and it begins with what comes. */
  resumeAt(position: string | undefined, retains: boolean): void {
    if (position === undefined) return this.startFresh('live', retains);
    this.position = position;
    this.isRefilling = !this.findInLog();
    // What is too old is as good as gone, though the log has yet to drop it. A store knows by itself.
    if (!this.isRefilling && !retains && this.cursor < this.channel.log.oldest(performance.now())) this.miss('trimmed');
  }

  /** @returns whether the log has the position, and the cursor was put behind it */
  findInLog(): boolean {
    const cursor = this.position === undefined ? undefined : this.channel.log.cursorAfter(this.position);
    if (cursor === undefined) return false;
    this.cursor = cursor;
    this.isRefilling = false;
    return true;
  }

  moveTo(cursor: number): void {
    this.cursor = cursor;
    if (cursor >= this.channel.log.first) this.position = this.channel.log.positionBefore(cursor) ?? this.position;
  }

  miss(reason: SseGapReason): void {
    this.gap = reason;
    this.isRefilling = false;
  }

  /** Gives up what is missing. */
  jump(): void {
    const { log } = this.channel;
    this.gap = undefined;
    this.cursor = log.next;
    this.position = log.head;
  }
}
