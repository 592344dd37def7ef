/** How long what is alike is counted before the next line, in milliseconds. */
const WINDOW_MS = 10_000;

/**
 * Writes one line for the first of many things that are alike, and then one with their counts for every ten seconds in which
 * there were more.
 *
 * @internal
 */
export class LogBurst {
  private readonly counts = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param first says what has happened
   * @param more says how often it has happened since, and lists the counts
   */
  constructor(
    private readonly write: (line: string) => void,
    private readonly first: (what: string) => string,
    private readonly more: (total: number, list: string) => string,
  ) {}

  /** @param what of few different ones: each is counted by itself */
  note(what: string): void {
    if (this.timer) {
      this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
      return;
    }
    this.wait();
    this.write(this.first(what));
  }

  /** Writes what was counted so far. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.counts.size === 0) return;
    const list = [...this.counts].map(([what, count]) => `${what} ${count}`).join(', ');
    const total = [...this.counts.values()].reduce((sum, count) => sum + count, 0);
    this.counts.clear();
    this.write(this.more(total, list));
  }

  private wait(): void {
    this.timer = setTimeout(() => {
      const wentOn = this.counts.size > 0;
      this.flush();
      if (wentOn) this.wait();
    }, WINDOW_MS).unref();
  }
}
