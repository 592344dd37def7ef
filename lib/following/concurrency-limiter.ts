/**
 * Runs so many tasks at once and makes the rest wait, first come first served.
 *
 * @internal
 */
export class ConcurrencyLimiter {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limit: number) {}

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.running >= this.limit) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      return await task();
    } finally {
      // Whoever waits longest takes the place over.
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}
