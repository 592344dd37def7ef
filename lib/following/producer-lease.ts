import type { SseProducerLease } from '../backplane/abilities.js';
import type { SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import { show } from '../protocol/show.js';
import { SseError } from '../protocol/sse-error.js';

/** Renewals within the time that a producer may be silent: two may fail. */
const RENEWALS_PER_TTL = 3;

/** What is said in a producer's place when it has died, and how that is kept. */
export interface LastWords {
  readonly events: readonly SseBackplaneEvent[];
  readonly history: SsePublishSettings['history'];
}

/** How a producer ends its channel: what it says, and the number of the event before, if the store has to have that. */
export interface ProducerEnd {
  readonly events: readonly SseBackplaneEvent[];
  readonly last: number | undefined;
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
  /**
   * Stores an event of the producer, once for each number. What it does not store is refused: `isFenced()` tells that another
   * one produces, `isLost()` that the event before this one is not there.
   */
  store(
    channel: string,
    event: SseBackplaneEvent,
    settings: Pick<SsePublishSettings, 'history'>,
    producer: { readonly token: string; readonly number: number },
  ): Promise<string>;
  isFenced(error: unknown): boolean;
  isLost(error: unknown): boolean;
  /**
   * Says the last words, or how it ended, if there is something to end, and forgets the producer.
   *
   * @returns `false`, and nothing is said, when the store has lost the producer, or what it has stored
   */
  release(channel: string, token: string, end?: ProducerEnd): Promise<boolean>;
}

/**
 * Says again and again that this node produces into a channel. What it stores meanwhile carries the token, and is
 * refused once another node has declared it dead: a process that was stopped and woke up does not go on where the
 * channel has ended.
 *
 * A store that has lost what was produced does not get the rest: who comes late would read it without its beginning.
 *
 * Whatever happens to the store, the lease ends: it is released, if need be again and again until it would have run out,
 * or it does run out. Either way the channel has an end then.
 *
 * @internal
 */
export class ProducerLease implements SseProducerLease {
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(
    private readonly channel: string,
    /** The token. */
    readonly id: string,
    private readonly commands: LeaseStore,
    private readonly ttlMs: number,
    private readonly lastWords: LastWords,
    /** Called when it is over, however that came. */
    private readonly forget: () => void,
    private readonly onLost: (why: 'taken' | 'gone') => void,
  ) {}

  /** @returns whether this node is the producer now. Rejects when that is not known; then it is released. */
  async acquire(): Promise<boolean> {
    try {
      const isOurs = await this.ask(false);
      if (!isOurs) this.stop();
      else if (!this.isOver) this.timer = setInterval(() => void this.renew(), this.interval).unref();
      return isOurs;
    } catch (error) {
      void this.release();
      throw error;
    }
  }

  async publish(
    event: SseBackplaneEvent,
    number: number,
    settings: Pick<SsePublishSettings, 'history'>,
  ): Promise<string> {
    try {
      return await this.commands.store(this.channel, event, settings, { token: this.id, number });
    } catch (error) {
      if (this.commands.isFenced(error)) this.lose();
      throw this.commands.isLost(error) ? productionLost(this.channel, error) : error;
    }
  }

  async end(events: readonly SseBackplaneEvent[], last: number | undefined): Promise<void> {
    const say = () => this.commands.release(this.channel, this.id, { events, last });
    if (this.isOver) return;
    if (!(await say())) {
      if (last !== undefined) throw productionLost(this.channel);
      // The record is gone as well. Without one, what is said would be said to whoever produces now.
      if (await this.ask(true)) await say();
    }
    this.stop();
  }

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
    return this.commands.acquire(this.channel, this.id, this.lastWords, isRunning);
  }

  private tryRelease(): Promise<boolean> {
    return this.commands.release(this.channel, this.id).then(
      () => true,
      // The backplane is closed: nothing is tried any more.
      (error: unknown) => error instanceof SseError && error.code === 'SSE_CLOSED',
    );
  }

  private async renew(): Promise<void> {
    const answer = await this.commands.renew(this.channel, this.id).catch(() => 'ours');
    if (answer === 'ours' || this.isOver) return;
    if (answer === 'lost') return this.lose();
    // Of a dead producer the store would know. It is still ours to say that what was produced is gone.
    clearInterval(this.timer);
    this.onLost('gone');
  }

  private lose(): void {
    if (this.stop()) this.onLost('taken');
  }

  private stop(): boolean {
    clearInterval(this.timer);
    const wasOver = this.isOver;
    this.isOver = true;
    this.forget();
    return !wasOver;
  }
}

function productionLost(channel: string, cause?: unknown): SseError {
  return new SseError(
    'SSE_PRODUCTION_LOST',
    `The store has lost what was produced into ${show(channel)} so far. Nothing was stored: the rest alone would look whole. Produce it again.`,
    { cause },
  );
}
