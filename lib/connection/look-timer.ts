/** The longest pause between two looks, in milliseconds. */
const LOOK_EVERY_MS = 1_000;

/**
 * One timer that looks at many connections: as often as the most impatient of them needs, and not at all while nobody does.
 *
 * @internal
 */
export class LookTimer {
  private timer: NodeJS.Timeout | undefined;
  private everyMs = LOOK_EVERY_MS;

  constructor(private readonly look: () => void) {}

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
    this.timer = setInterval(this.look, everyMs).unref();
  }

  /** Looks no more, until it is asked again. */
  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.everyMs = LOOK_EVERY_MS;
  }
}
