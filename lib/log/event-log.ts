import type { Frame } from '../protocol/frame.js';
import { ENTRY_BYTES, type SseHistoryOptions } from '../protocol/history-limits.js';

/** The first capacity of a log. It is small, because most channels are quiet. Every capacity is a power of two. */
const MIN_CAPACITY = 8;

/**
 * A channel's recent frames in memory, in order.
 *
 * Every entry has a number, one more than the one before, and a cursor is the number of the entry to read next. A
 * cursor less than `first` is behind the tail: what it points to was dropped. So a reader is one number, and whether it
 * missed something is one comparison.
 *
 * It is a ring of parallel arrays. So appending and dropping cost the same however much is kept, and no entry is moved.
 *
 * @internal
 */
export class EventLog {
  /** The number of the oldest entry that is kept; equal to `next` when there is none. */
  first = 0;
  /** The number that the next entry will have. */
  next = 0;
  /** What all entries cost, in bytes. */
  byteLength = 0;
  /** The position just before `first`: of what was dropped last, or the beginning of the channel. */
  base: string | undefined;
  /** Keeps all entries until the newest one is too old, and then drops all. It is set while the log is empty. */
  isWhole = false;
  /** Told of each entry before it is dropped. */
  onDrop: ((number: number) => void) | undefined;

  private frames: (Frame | undefined)[] = [];
  private positions: (string | undefined)[] = [];
  private times: number[] = [];
  private readonly numbers = new Map<string, number>();
  /** Where the oldest entry is in the arrays. */
  private start = 0;
  private capacity = 0;
  private readonly maxAgeMs: number;
  /** The oldest entry within the limits, as it was found last, and what it and all after it cost. It only moves forward. */
  private within = 0;
  private withinBytes = 0;

  constructor(private readonly limits: SseHistoryOptions) {
    this.maxAgeMs = limits.maxAgeMs === false ? Infinity : limits.maxAgeMs;
  }

  get size(): number {
    return this.next - this.first;
  }

  /** The newest position, or the base when nothing is kept. */
  get head(): string | undefined {
    return this.positionBefore(this.next);
  }

  /** Adds an entry. It drops nothing: `trim()` does, when the live readers have read. @returns its number */
  append(position: string, frame: Frame, now: number): number {
    if (this.size === this.capacity) this.resize(Math.max(MIN_CAPACITY, this.capacity * 2));
    const number = this.next++;
    const slot = this.slotOf(number);
    this.frames[slot] = frame;
    this.positions[slot] = position;
    this.times[slot] = now;
    const bytes = costOf(frame);
    this.byteLength += bytes;
    this.withinBytes += bytes;
    this.numbers.set(position, number);
    return number;
  }

  /** The number of the oldest entry within the limits. Older entries may still be there. */
  oldest(now: number): number {
    if (this.isWhole) return this.isOver(now) ? this.next : this.first;
    const { maxEvents, maxBytes } = this.limits;
    while (
      this.within < this.next &&
      (this.next - this.within > maxEvents ||
        this.withinBytes > maxBytes ||
        now - this.times[this.slotOf(this.within)]! >= this.maxAgeMs)
    ) {
      this.withinBytes -= costOf(this.frameAt(this.within++));
    }
    return this.within;
  }

  /** What the entries cost that are beyond the limits and still kept, in bytes. */
  excess(now: number): number {
    this.oldest(now);
    return this.byteLength - this.withinBytes;
  }

  /** The number of the first entry that was appended at `at` or later. */
  firstSince(at: number): number {
    let number = this.next;
    while (number > this.first && this.times[this.slotOf(number - 1)]! >= at) number--;
    return number;
  }

  /** Drops what is beyond the limits, oldest first, but nothing from `keepFrom` on. */
  trim(now: number, keepFrom: number): void {
    const first = Math.min(this.oldest(now), keepFrom);
    while (this.first < first) this.drop();
    if (this.capacity > MIN_CAPACITY && this.size < this.capacity / 4) this.resize(this.capacity / 2);
  }

  /** Forgets everything. `base` is the position that the next entry follows on; cursors at the head stay there. */
  clear(base: string | undefined): void {
    while (this.first < this.next) this.drop();
    this.resize(0);
    this.base = base;
  }

  /** Puts every cursor behind the tail, also those at the head, because nobody knows what they missed. */
  lose(base: string | undefined): void {
    this.clear(base);
    this.first = this.within = ++this.next;
  }

  /** The cursor of a reader that has everything up to `position`; `undefined` if that can not be told from this log. */
  cursorAfter(position: string): number | undefined {
    const number = this.numbers.get(position);
    if (number !== undefined) return number + 1;
    return position === this.base ? this.first : undefined;
  }

  /** The position of a reader whose cursor is `cursor`, which is not behind the tail. */
  positionBefore(cursor: number): string | undefined {
    return cursor === this.first ? this.base : this.positions[this.slotOf(cursor - 1)];
  }

  /** The frame of an entry that is kept. */
  frameAt(number: number): Frame {
    return this.frames[this.slotOf(number)]!;
  }

  positionAt(number: number): string {
    return this.positions[this.slotOf(number)]!;
  }

  private isOver(now: number): boolean {
    return this.size > 0 && now - this.times[this.slotOf(this.next - 1)]! >= this.maxAgeMs;
  }

  private slotOf(number: number): number {
    return (this.start + (number - this.first)) & (this.capacity - 1);
  }

  private drop(): void {
    this.onDrop?.(this.first);
    const slot = this.start;
    const position = this.positions[slot]!;
    // A store that gives a position twice is broken. Even then the newer entry must be found.
    if (this.numbers.get(position) === this.first) this.numbers.delete(position);
    const bytes = costOf(this.frames[slot]!);
    this.byteLength -= bytes;
    if (this.within === this.first) {
      this.within++;
      this.withinBytes -= bytes;
    }
    this.frames[slot] = this.positions[slot] = undefined;
    this.base = position;
    this.start = (slot + 1) & (this.capacity - 1);
    this.first++;
  }

  /** Moves everything to arrays of another size. They double and halve, so that this is rare. */
  private resize(capacity: number): void {
    const frames = new Array<Frame | undefined>(capacity);
    const positions = new Array<string | undefined>(capacity);
    const times = new Array<number>(capacity);
    for (let number = this.first, i = 0; number < this.next; number++, i++) {
      const slot = this.slotOf(number);
      frames[i] = this.frames[slot];
      positions[i] = this.positions[slot];
      times[i] = this.times[slot]!;
    }
    this.frames = frames;
    this.positions = positions;
    this.times = times;
    this.start = 0;
    this.capacity = capacity;
  }
}

function costOf(frame: Frame): number {
  return frame.byteLength + ENTRY_BYTES;
}
