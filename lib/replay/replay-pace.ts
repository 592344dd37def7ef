import { setImmediate } from '../protocol/event-loop.js';

/**
 * How long readers that catch up may keep others from the event loop at a time, in milliseconds: as long as the others had since, but
 * within these bounds. A publish to a store takes two or three turns of a loop that is otherwise idle, so it waits for the least. When
 * publishing keeps the loop busy, the least would be too little: readers fell behind what is kept.
 */
const LEAST_TURN_MS = 0.5;
const MOST_TURN_MS = 2;

/** What all readers whose sockets are full may hold together, in bytes: each writes so much less when they are many. */
const BLOCKED_BYTES = 16_777_216;

/** The most that is written before the socket is asked again, in bytes. */
export const MAX_SLICE_BYTES = 65_536;

/** The least, in bytes: smaller writes cost more than they save. */
const MIN_SLICE_BYTES = 4_096;

/** A reader that waits for its turn. */
export interface PacedReader {
  proceed(): void;
}

/**
 * Shares time and memory among the readers of this node that catch up. However many they are, publishing goes on between
 * their turns, and the memory that they hold together is bounded.
 *
 * @internal
 */
export class ReplayPace {
  /** Readers whose sockets are full: each of them holds a slice. */
  blocked = 0;

  private readonly waiting = new Set<PacedReader>();
  private turnEnds = 0;
  /** When readers had to stop with others still waiting. Not set while none waits. */
  private stoppedAt: number | undefined;

  /** How much one reader may write before its socket is asked again. */
  get sliceBytes(): number {
    if (this.blocked * MAX_SLICE_BYTES <= BLOCKED_BYTES) return MAX_SLICE_BYTES;
    return Math.max(MIN_SLICE_BYTES, Math.floor(BLOCKED_BYTES / this.blocked));
  }

  /** Whether readers may go on in this turn of the event loop. */
  get hasTime(): boolean {
    const now = performance.now();
    if (this.turnEnds > 0) return now < this.turnEnds;
    const others = this.stoppedAt === undefined ? 0 : now - this.stoppedAt;
    this.turnEnds = now + Math.min(MOST_TURN_MS, Math.max(LEAST_TURN_MS, others));
    setImmediate(() => this.nextTurn());
    return true;
  }

  /** Lets a reader go on in one of the next turns. Readers that wait come in order. */
  defer(reader: PacedReader): void {
    this.waiting.add(reader);
    if (this.turnEnds === 0) void this.hasTime;
  }

  /** The reader waits no more. */
  forget(reader: PacedReader): void {
    this.waiting.delete(reader);
  }

  private nextTurn(): void {
    this.turnEnds = 0;
    for (const reader of this.waiting) {
      if (!this.hasTime) {
        this.stoppedAt = performance.now();
        return;
      }
      this.waiting.delete(reader);
      reader.proceed();
    }
    this.stoppedAt = undefined;
  }
}
