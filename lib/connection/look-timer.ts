/** The longest pause between two looks, in milliseconds. */
const LOOK_EVERY_MS = 1_000;

/**
 * One timer that looks at many connections. Its interval is the shortest that one of them needs. It stops while none needs it.
 *
 * @internal
 */
export class LookTimer {
  private timer: NodeJS.Timeout | undefined;
  private everyMs = LOOK_EVERY_MS;
  private lookedAt = 0;

  /** @param look told how much time has passed since the look before, in milliseconds */
  constructor(private readonly look: (elapsedMs: number) => void) {}

  get isRunning(): boolean {
    return this.timer !== undefined;
  }

  /** Looks, until `stop()`, at least every second, and at least so often. */
  atLeastEvery(ms: number): void {
    const everyMs = Math.min(LOOK_EVERY_MS, Math.ceil(ms));
    if (this.timer && everyMs >= this.everyMs) return;
    this.stop();
    this.everyMs = everyMs;
    // The sockets keep the process alive, not the looking.
    this.timer = setInterval(() => this.tick(), everyMs).unref();
    this.lookedAt = performance.now();
  }

  /** Looks no more, until it is asked again. */
  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.everyMs = LOOK_EVERY_MS;
  }

  private tick(): void {
    const now = performance.now();
    // Fake timers may drive the interval and leave this clock alone, as those of node:test do.
    const elapsedMs = Math.max(now - this.lookedAt, this.everyMs);
    this.lookedAt = now;
    this.look(elapsedMs);
  }
}
