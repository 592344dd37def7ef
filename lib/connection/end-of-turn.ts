import { nextTick } from '../protocol/event-loop.js';

/**
 * What is flushed at the end of this turn: what was written in one go leaves together, and nothing waits for the next turn
 * of the event loop.
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
