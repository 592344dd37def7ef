import type { SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import { SseError } from '../protocol/sse-error.js';

/** Renewals within the time that a producer may be silent: two may fail. */
const RENEWALS_PER_TTL = 3;

/** What is said in a producer's place when it has died, and how that is kept. */
export interface LastWords {
  readonly events: readonly SseBackplaneEvent[];
  readonly history: SsePublishSettings['history'];
}

/**
 * The commands that a producer's lease is held by. Whoever looks at the channel ends it when the lease has run out: it stores
 * the last words, unless the channel has an end or nothing was stored since the lease began, and forgets them.
 *
 * @internal
 */
export interface LeaseStore {
  /**
   * Makes the holder of the token the producer, for a while. The last words of one who is dead are said first.
   *
   * @param isRunning whether it has begun already: then there is something to end, whatever the head is
   * @returns `false` when another one produces
   */
  acquire(channel: string, token: string, lastWords: LastWords, isRunning: boolean): Promise<boolean>;
  /** For a while longer. @returns whether it still is the producer; `unknown` if the store does not know of any */
  renew(channel: string, token: string): Promise<'ours' | 'lost' | 'unknown'>;
  /** Says the last words if there is something to end, and forgets the producer. */
  release(channel: string, token: string): Promise<void>;
  /** Whether a publish was refused because another one produces, or has ended the channel. */
  isFenced(error: unknown): boolean;
}

/**
 * Says again and again that this node produces into a channel. What it publishes meanwhile carries the token, and is
 * refused once another node has declared it dead: a process that was stopped and woke up does not go on where the
 * channel has ended.
 *
 * Whatever happens to the store, the lease ends: it is released, if need be again and again until it would have run out,
 * or it does run out. Either way the channel has an end then.
 *
 * @internal
 */
export class ProducerLease {
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(
    private readonly channel: string,
    readonly token: string,
    private readonly store: LeaseStore,
    private readonly ttlMs: number,
    private readonly lastWords: LastWords,
    private readonly onLost: () => void,
  ) {}

  /** @returns whether this node is the producer now. Rejects when that is not known; then it is released. */
  async acquire(): Promise<boolean> {
    try {
      const isOurs = await this.ask(false);
      if (isOurs && !this.isOver) this.timer = setInterval(() => void this.renew(), this.interval).unref();
      return isOurs;
    } catch (error) {
      void this.release();
      throw error;
    }
  }

  /** Passes a publish on, and learns from its refusal. */
  guard(published: Promise<string>): Promise<string> {
    return published.catch((error: Error) => {
      if (this.store.isFenced(error)) this.lose();
      throw error;
    });
  }

  /** Ends what has not been ended. @returns when that is done, or has failed for the first time */
  async release(): Promise<void> {
    if (!this.stop()) return;
    const runsOutAt = performance.now() + this.ttlMs;
    if (await this.tryRelease()) return;
    const again = (): void => {
      this.timer = setTimeout(() => {
        void this.tryRelease().then((isDone) => {
          if (!isDone && performance.now() < runsOutAt) again();
        });
      }, this.interval).unref();
    };
    again();
  }

  private get interval(): number {
    return this.ttlMs / RENEWALS_PER_TTL;
  }

  private ask(isRunning: boolean): Promise<boolean> {
    return this.store.acquire(this.channel, this.token, this.lastWords, isRunning);
  }

  private tryRelease(): Promise<boolean> {
    return this.store.release(this.channel, this.token).then(
      () => true,
      // The backplane is closed: nothing is tried any more.
      (error: unknown) => error instanceof SseError && error.code === 'SSE_CLOSED',
    );
  }

  private async renew(): Promise<void> {
    const answer = await this.store.renew(this.channel, this.token).catch(() => 'ours');
    if (answer === 'ours' || this.isOver) return;
    // A store that lost its data has lost the lease as well. Of a dead producer it would know.
    const isOurs = answer === 'unknown' && (await this.ask(true).catch(() => true));
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
