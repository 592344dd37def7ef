import type { SseBackplaneEvent } from '../backplane/backplane.js';
import { SseError } from '../protocol/sse-error.js';
import { Fifo } from '../source/fifo.js';
import { retryWhileUnavailable } from './retry-while-unavailable.js';

/** So many events may wait for the store before a source that can wait has to. */
const MAX_WAITING = 32;

/** @internal */
export interface StoreQueueOptions {
  /** Stores the event of this number. */
  readonly store: (event: SseBackplaneEvent, number: number) => string | Promise<string>;
  /** Whether an event may be tried again with its number: the store does not store it twice. */
  readonly mayRepeat: boolean;
  /** How long one event is tried again while the store is away, in milliseconds. */
  readonly unavailableMs: number;
  /** When aborted, nothing is tried again. */
  readonly hurry: AbortSignal;
  /** Told once, of the first event that could not be stored. It and what waits behind it are dropped. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Stores events one after the other. One that fails because the store is away is tried again, and those behind it wait:
 * the order holds, and none is lost or stored twice.
 *
 * @internal
 */
export class StoreQueue {
  private readonly waiting = new Fifo<SseBackplaneEvent>();
  /** The number of the newest event. 0 is the beginning, which does not go this way. */
  last = 0;
  private storing: Promise<void> | undefined;
  private wake: (() => void) | undefined;
  private room: Promise<void> | undefined;
  private isClosed = false;
  private failure: unknown;

  constructor(private readonly options: StoreQueueOptions) {}

  /** @returns `true`, or a promise that resolves when there is room for another one. Never rejects. */
  add(event: SseBackplaneEvent): true | Promise<void> {
    if (this.isClosed) return true;
    if (this.storing) this.waiting.push(event);
    else {
      const stored = this.store(event);
      if (!stored) return true;
      this.storing = this.drain(stored);
    }
    if (this.waiting.length < MAX_WAITING) return true;
    return (this.room ??= new Promise((resolve) => (this.wake = resolve)));
  }

  /** @returns a promise that resolves when all that was added is stored, or with why it could not be. Never rejects. */
  async whenEmpty(): Promise<unknown> {
    await this.storing;
    return this.failure;
  }

  /** Drops what waits, and tries nothing again. */
  close(): void {
    this.isClosed = true;
    this.waiting.clear();
    this.makeRoom();
  }

  /** @returns `undefined` when it is stored at once */
  private store(event: SseBackplaneEvent): Promise<unknown> | undefined {
    const { store, mayRepeat, unavailableMs, hurry } = this.options;
    const number = ++this.last;
    const first = store(event, number);
    if (typeof first === 'string') return undefined;
    if (!mayRepeat) return first;
    let attempt: Promise<string> | undefined = first;
    const again = async (): Promise<string> => {
      // The channel may be somebody else's by now: what is stored then begins another life.
      if (this.isClosed) throw dropped();
      const stored = attempt ?? store(event, number);
      attempt = undefined;
      return await stored;
    };
    return retryWhileUnavailable(again, performance.now() + unavailableMs, hurry);
  }

  private async drain(first: Promise<unknown>): Promise<void> {
    try {
      await first;
      while (this.waiting.length > 0) {
        const next = this.waiting.shift()!;
        if (this.waiting.length < MAX_WAITING) this.makeRoom();
        await this.store(next);
      }
    } catch (error) {
      const wasClosed = this.isClosed;
      this.close();
      if (!wasClosed) this.options.onFailed((this.failure = error));
    } finally {
      this.storing = undefined;
      this.makeRoom();
    }
  }

  private makeRoom(): void {
    this.wake?.();
    this.wake = this.room = undefined;
  }
}

function dropped(): SseError {
  return new SseError('SSE_CLOSED', 'The production is over: nothing more is stored.');
}
