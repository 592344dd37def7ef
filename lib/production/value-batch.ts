/** How several values of a source become one event. */
export interface BatchOptions {
  /** The shortest time between two events, in milliseconds. */
  readonly ms: number;
  /** The most values that become one event. */
  readonly events: number;
  /** Makes one value of two. `undefined`: they stay apart. */
  readonly merge: (a: unknown, b: unknown) => unknown;
}

/**
 * Merges values that come too fast for an event each. The first one passes at once, and so does each one that comes after a
 * pause.
 *
 * @internal
 */
export class ValueBatch<Room> {
  private merged: unknown;
  private count = 0;
  private timer: NodeJS.Timeout | undefined;
  private passedAt = -Infinity;

  constructor(
    private readonly options: BatchOptions,
    /** Takes what is merged. May throw. */
    private readonly pass: (value: unknown) => Room,
    /** Told of what `pass` or `merge` has thrown in a timer. */
    private readonly onError: (error: unknown) => void,
  ) {}

  /** @returns what `pass` says of room, if it was asked. Throws what `merge` and `pass` throw. */
  add(value: unknown): Room | undefined {
    const { ms, events } = this.options;
    if (this.count > 0) {
      if (this.join(value)) return this.count >= events ? this.flush() : undefined;
      const room = this.flush();
      this.keep(value, ms);
      return room;
    }
    const waitMs = this.passedAt + ms - performance.now();
    if (waitMs <= 0 || events === 1) return this.passOn(value);
    this.keep(value, waitMs);
    return undefined;
  }

  /** Passes on what waits. */
  flush(): Room | undefined {
    if (this.count === 0) return undefined;
    const value = this.merged;
    this.clear();
    return this.passOn(value);
  }

  /** Forgets what waits. */
  clear(): void {
    clearTimeout(this.timer);
    this.merged = undefined;
    this.count = 0;
  }

  private join(value: unknown): boolean {
    const merged = this.options.merge(this.merged, value);
    if (merged === undefined) return false;
    this.merged = merged;
    this.count++;
    return true;
  }

  private keep(value: unknown, waitMs: number): void {
    this.merged = value;
    this.count = 1;
    this.timer = setTimeout(() => this.late(), waitMs).unref();
  }

  private passOn(value: unknown): Room {
    this.passedAt = performance.now();
    return this.pass(value);
  }

  private late(): void {
    try {
      this.flush();
    } catch (error) {
      this.onError(error);
    }
  }
}

/** Joins strings. Other values stay apart. */
export function mergeText(a: unknown, b: unknown): unknown {
  return typeof a === 'string' && typeof b === 'string' ? a + b : undefined;
}
