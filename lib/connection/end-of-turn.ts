import { nextTick } from '../protocol/event-loop.js';

/**
 * A list of what is flushed at the end of this turn of the event loop. What was written in one turn leaves together, and
 * does not wait for the next turn.
 *
 * @internal
 */
export class EndOfTurn<T extends { flush(): void }> {
  private waiting: T[] | undefined;

  /** @param failed told of one whose `flush()` threw; all others are flushed all the same */
  constructor(private readonly failed: (item: T, error: unknown) => void) {}

  /** How many wait. */
  get size(): number {
    return this.waiting?.length ?? 0;
  }

  /** Calls `item.flush()` at the end of this turn. */
  add(item: T): void {
    if (this.waiting) return void this.waiting.push(item);
    this.waiting = [item];
    // A tick, not a macrotask.
    nextTick(this.flush);
  }

  /** Made once, and the list when somebody waits: most turns have one of them. */
  private readonly flush = (): void => {
    const waiting = this.waiting ?? [];
    this.waiting = undefined;
    for (const item of waiting) {
      try {
        item.flush();
      } catch (error) {
        this.failed(item, error);
      }
    }
  };
}
