import type { SseBackplane, SseBackplanePage } from '../backplane/backplane.js';
import { isUnavailable } from '../backplane/is-unavailable.js';
import { retryDelay } from '../protocol/retry-delay.js';
import type { BackplaneState } from './backplane-state.js';

/** How many readers go on when one has got its answer: twice as many each time, and never all at once. */
const WAKES = 2;

/** A stream that reads. */
export interface StoppableReader {
  /** Nothing must be read for it any more. */
  readonly isStopped: boolean;
}

/**
 * Reads from the store for the streams of this node, and waits while the store is away. Meanwhile a stream stays open, with its
 * pings. Then it goes on where it was. However many streams wait, one asks for all.
 *
 * @internal
 */
export class StoreReader {
  private readonly waiting = new Map<StoppableReader, (isBack: boolean) => void>();
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;

  constructor(
    private readonly backplane: SseBackplane,
    private readonly state: Pick<BackplaneState, 'answered' | 'failed'>,
  ) {}

  /**
   * What follows `after`, however long that takes.
   *
   * @param stream the stream that asks
   * @returns `undefined` when it was stopped meanwhile
   */
  async read(
    stream: StoppableReader,
    channel: string,
    after: string | undefined,
    limit: number,
    maxBytes?: number,
  ): Promise<SseBackplanePage | undefined> {
    return await this.ask(stream, () => this.backplane.read(channel, after, limit, maxBytes));
  }

  /** The same for any other question to the store. */
  async ask<T>(stream: StoppableReader, question: () => Promise<T>): Promise<T | undefined> {
    // While others wait, a new stream need not ask: it waits with them.
    let mustWait = this.waiting.size > 0;
    for (;;) {
      if (mustWait && (stream.isStopped || !(await this.wait(stream)))) return undefined;
      try {
        const answer = await question();
        this.failures = 0;
        this.state.answered();
        this.wake(WAKES);
        return answer;
      } catch (error) {
        if (!isUnavailable(error)) {
          // Only this question failed. The others may be answered.
          this.wake(WAKES);
          throw error;
        }
        this.failures++;
        this.state.failed(error);
        mustWait = true;
      }
    }
  }

  /** The stream was stopped. It need not wait. */
  leave(stream: StoppableReader): void {
    const settle = this.waiting.get(stream);
    this.waiting.delete(stream);
    settle?.(false);
    if (this.waiting.size === 0) this.rest();
  }

  close(): void {
    for (const stream of [...this.waiting.keys()]) this.leave(stream);
  }

  private wait(stream: StoppableReader): Promise<boolean> {
    return new Promise((resolve) => {
      const before = this.waiting.get(stream);
      const both = (isBack: boolean) => {
        before?.(isBack);
        resolve(isBack);
      };
      this.waiting.set(stream, before ? both : resolve);
      this.askLater();
    });
  }

  /** As long as streams wait, one of them asks now and then. */
  private askLater(): void {
    if (this.timer) return;
    const delay = retryDelay(this.failures);
    this.timer = setTimeout(
      () => {
        this.rest();
        this.wake(1);
        if (this.waiting.size > 0) this.askLater();
      },
      delay * (1 + Math.random()),
    ).unref();
  }

  private wake(count: number): void {
    for (const [stream, settle] of this.waiting) {
      if (count-- === 0) return;
      this.waiting.delete(stream);
      settle(true);
    }
    if (this.waiting.size === 0) this.rest();
  }

  private rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
