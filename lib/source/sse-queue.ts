import { isInstance } from '../protocol/brand.js';
import { integerOption, knownOptions } from '../protocol/check-option.js';
import { SseError } from '../protocol/sse-error.js';
import type { SseEventLike } from '../protocol/sse-event-like.js';
import { Fifo } from './fifo.js';

/**
 * The options of an {@link SseQueue}.
 *
 * @publicApi
 */
export interface SseQueueOptions {
  /**
   * How many events the queue holds while its client does not take them. When it is full, `send()` waits. A whole number of
   * 1 or more.
   *
   * @default 16
   */
  maxEvents?: number;
}

const SSE_QUEUE: unique symbol = Symbol.for('nestjs-event-stream.queue');

/**
 * Opens a queue to the stream of the handler that returned it. A registered symbol, because one process may load the ESM
 * and the CommonJS build.
 *
 * @internal
 */
export const READ_QUEUE = Symbol.for('nestjs-event-stream.read-queue');

/**
 * The queue as its one reader has it, without a promise between them.
 *
 * @internal
 */
export interface QueueReader {
  /** How many events were accepted and not taken yet. */
  readonly length: number;
  readonly isClosed: boolean;
  /** What the queue was closed with. */
  readonly failure: { readonly error: unknown } | undefined;
  /** The next event, of which there must be one; a sender that waits takes its place. */
  take(): unknown;
  /** Accepts no more. */
  close(): void;
  /** Closes the queue, and drops what was not taken. The reader is not told of anything any more. */
  leave(): void;
}

interface Sender<T> {
  readonly event: SseEventLike<T>;
  readonly settle: (accepted: boolean) => void;
}

interface Receiver<T> {
  readonly settle: (result: IteratorResult<SseEventLike<T>, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A bounded queue between code that produces events and one client.
 *
 * `send()` waits while the queue is full. When the client leaves, the queue is closed, and `send()` resolves with `false`.
 *
 * A queue can be returned once. A second handler that returns it fails with `SSE_ALREADY_STARTED`. For many clients use a channel:
 * see `SseBroadcaster`.
 *
 * @example
 * const queue = new SseQueue();
 * void (async () => {
 *   for (const row of rows) {
 *     if (!(await queue.send({ data: row }))) return; // nobody reads any more
 *   }
 *   queue.close();
 * })();
 * return queue;
 *
 * @publicApi
 */
export class SseQueue<T = unknown> implements AsyncIterable<SseEventLike<T>> {
  private readonly maxEvents: number;
  private readonly events = new Fifo<SseEventLike<T>>();
  /** Only ever non-empty while `events` is full. */
  private readonly senders = new Fifo<Sender<T>>();
  /** Only ever non-empty while `events` is empty. */
  private readonly receivers = new Fifo<Receiver<T>>();
  private ended = false;
  private started = false;
  /** Told, where events are read without promises, of each new one and of the end. */
  private moved: (() => void) | undefined;
  private failure: { readonly error: unknown } | undefined;

  /** @throws SseError `SSE_INVALID_OPTION` when `maxEvents` is out of range. */
  constructor(options: SseQueueOptions = {}) {
    const { maxEvents = 16 } = knownOptions('', options, { maxEvents: true });
    this.maxEvents = integerOption('maxEvents', maxEvents, 1);
  }

  /** True for those of the package's other build too. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(this, SseQueue, SSE_QUEUE, value);
  }

  /** @internal */
  get [SSE_QUEUE](): true {
    return true;
  }

  /** How many events were accepted and are not taken yet. Senders that wait are not counted. */
  get length(): number {
    return this.events.length;
  }

  /** Whether no more events are accepted: after `close()`, or once the client has left. */
  get closed(): boolean {
    return this.ended;
  }

  /**
   * Puts an event into the queue, and waits for room while it is full. Senders that wait are served in their order.
   *
   * The event is checked when it is encoded; one that cannot be sent ends the stream with its error.
   *
   * @returns `true` once the event has its place in the queue, `false` when the queue is or becomes closed before that;
   * the event is then never delivered. It never rejects, so a `send()` that nobody awaits cannot end the process. But
   * one that nobody awaits is not held back either, and waits in memory: use {@link trySend} where you cannot wait.
   */
  send(event: SseEventLike<T>): Promise<boolean> {
    if (this.trySend(event)) {
      return Promise.resolve(true);
    }
    if (this.ended) {
      return Promise.resolve(false);
    }
    return new Promise((settle) => this.senders.push({ event, settle }));
  }

  /**
   * Puts an event into the queue if there is room right now, for a producer that cannot wait, such as the listener of
   * an event emitter.
   *
   * @returns `false` when the queue is full or closed; the event is then never delivered.
   */
  trySend(event: SseEventLike<T>): boolean {
    if (this.ended) {
      return false;
    }
    const receiver = this.receivers.shift();
    if (receiver) {
      receiver.settle({ done: false, value: event });
      return true;
    }
    if (this.events.length >= this.maxEvents) {
      return false;
    }
    this.events.push(event);
    this.moved?.();
    return true;
  }

  /**
   * Accepts no more events. What was accepted is still delivered, then the stream ends, or fails with `error` if there
   * is one. Senders that wait get `false`. Closing again changes nothing.
   */
  close(error?: unknown): void {
    if (this.ended) {
      return;
    }
    this.ended = true;
    this.failure = error === undefined ? undefined : { error };
    this.dismissSenders();
    for (let receiver = this.receivers.shift(); receiver; receiver = this.receivers.shift()) {
      this.end(receiver);
    }
    this.moved?.();
  }

  /**
   * The one way to read the queue. `return()` is how a reader leaves: it closes the queue and drops what was not taken.
   *
   * @throws SseError `SSE_ALREADY_STARTED` when the queue is read already.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<SseEventLike<T>, undefined> {
    this.start();
    const iterator: AsyncIterableIterator<SseEventLike<T>, undefined> = {
      next: () => this.receive(),
      return: () => {
        this.leave();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /**
   * Reads it as `[Symbol.asyncIterator]()` does, but without promises: `moved` is called within each `send()`.
   *
   * @internal
   */
  [READ_QUEUE](moved: () => void): QueueReader {
    this.start();
    this.moved = moved;
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- for the getters
    const queue = this;
    return {
      get length() {
        return queue.events.length;
      },
      get isClosed() {
        return queue.ended;
      },
      get failure() {
        return queue.failure;
      },
      take: () => this.take(),
      close: () => this.close(),
      leave: () => {
        this.moved = undefined;
        this.leave();
      },
    };
  }

  /** Each event goes to one reader. */
  private start(): void {
    if (this.started) {
      throw new SseError(
        'SSE_ALREADY_STARTED',
        'This SseQueue is read already, and each event goes to one reader. Make a queue per request, or publish to a channel.',
        { value: this },
      );
    }
    this.started = true;
  }

  private take(): SseEventLike<T> {
    // Whatever was sent is passed on, even undefined: the encoder says best what is wrong with it.
    const event = this.events.shift() as SseEventLike<T>;
    const sender = this.senders.shift();
    if (sender) {
      this.events.push(sender.event);
      sender.settle(true);
    }
    return event;
  }

  private receive(): Promise<IteratorResult<SseEventLike<T>, undefined>> {
    if (this.events.length > 0) {
      return Promise.resolve({ done: false, value: this.take() });
    }
    return new Promise((settle, reject) => {
      const receiver = { settle, reject };
      if (this.ended) {
        this.end(receiver);
      } else {
        this.receivers.push(receiver);
      }
    });
  }

  /** The error is thrown once; whoever asks again learns that it is over, as of a generator. */
  private end(receiver: Receiver<T>): void {
    const failure = this.failure;
    this.failure = undefined;
    if (failure) {
      receiver.reject(failure.error);
    } else {
      receiver.settle({ done: true, value: undefined });
    }
  }

  private leave(): void {
    this.close();
    this.events.clear();
    this.failure = undefined;
  }

  private dismissSenders(): void {
    for (let sender = this.senders.shift(); sender; sender = this.senders.shift()) {
      sender.settle(false);
    }
  }
}
