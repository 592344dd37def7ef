/**
 * How values are spread: how many are at most as large as each of some bounds.
 *
 * @publicApi
 */
export interface SseHistogram {
  /** How many values there were. */
  readonly count: number;
  /** All of them together. */
  readonly sum: number;
  /** For each bound, how many values were not larger. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[];
}

/** Bounds in milliseconds: from an event that is there already to an answer that a model has to think about. */
export const BOUNDS_MS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000] as const;

/** Counts durations, in milliseconds. */
export class Histogram {
  private count = 0;
  private sum = 0;
  /** Those between a bound and the one before. */
  private readonly counts = BOUNDS_MS.map(() => 0);

  record(ms: number): void {
    // A clock that was set back in between.
    const value = Math.max(0, ms);
    this.count++;
    this.sum += value;
    const index = BOUNDS_MS.findIndex((bound) => value <= bound);
    if (index !== -1) this.counts[index]!++;
  }

  read(): SseHistogram {
    let total = 0;
    const buckets = BOUNDS_MS.map((upTo, index) => ({ upTo, count: (total += this.counts[index]!) }));
    return { count: this.count, sum: this.sum, buckets };
  }
}
