import type { StreamStore } from './stream-store.js';

/** Renewals within the time that a producer may be silent: two may fail. */
const RENEWALS_PER_TTL = 3;

/**
 * Says again and again that this node produces into a channel. What it publishes meanwhile carries the token, and is
 * refused once another node has declared it dead: a process that was stopped and woke up does not go on where the
 * channel has ended.
 *
 * @internal
 */
export class ProducerLease {
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(
    private readonly stream: string,
    readonly token: string,
    private readonly store: StreamStore,
    private readonly ttlMs: number,
    private readonly onLost: () => void,
  ) {}

  keep(): void {
    this.timer = setInterval(() => void this.renew(), this.ttlMs / RENEWALS_PER_TTL).unref();
  }

  /** Passes a publish on, and learns from its refusal. */
  guard(published: Promise<string>): Promise<string> {
    return published.catch((error: Error) => {
      if (error.cause instanceof Error && error.cause.message.startsWith('FENCED')) this.lose();
      throw error;
    });
  }

  async release(): Promise<void> {
    if (!this.stop()) return;
    // If Redis is away the record runs out by itself.
    await this.store.release(this.stream, this.token).catch(() => undefined);
  }

  private async renew(): Promise<void> {
    const isOurs = await this.store.renew(this.stream, this.token).catch(() => true);
    if (!isOurs) this.lose();
  }

  private lose(): void {
    if (this.stop()) this.onLost();
  }

  private stop(): boolean {
    clearInterval(this.timer);
    const wasOver = this.isOver;
    this.isOver = true;
    return !wasOver;
  }
}
