import type { SseProducerLease } from '../backplane/abilities.js';
import type { SseBackplaneEvent } from '../backplane/backplane.js';
import { dataKindAfter, type DataKind } from '../protocol/data-kind.js';
import { SseError } from '../protocol/sse-error.js';
import { toEventAs } from '../protocol/sse-event-like.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import type { Source, SourceSink } from '../source/source.js';
import { isThenable } from '../source/thenable.js';
import { toSource } from '../source/to-source.js';
import type { ProduceOptions } from './production-options.js';
import { endOf } from './production-outcome.js';
import type { StoreQueue } from './store-queue.js';
import { ValueBatch } from './value-batch.js';

/** What an event costs beside its text, about: its place in the store and in the log. */
const ENTRY_BYTES = 256;

/** What a production needs of those who keep the productions. */
export interface ProductionHost {
  /** Where its events are stored, one after the other. */
  queueFor(run: ProductionRun): StoreQueue;
  /** Takes bytes for what all productions hold together. @throws {SseError} `SSE_PRODUCTION_TOO_LARGE` */
  takeBytes(count: number): void;
  check(event: SseEventInit): SseBackplaneEvent;
  /** Stores what ends the life (an announced failure, if any, and the end), and lets go of the channel. Never rejects. */
  conclude(run: ProductionRun, events: readonly SseBackplaneEvent[]): Promise<void>;
  describe(errorEvent: ProduceOptions['errorEvent'], error: unknown, isText: boolean): SseBackplaneEvent | undefined;
  report(error: unknown): void;
}

/** Makes the source of a production. What it starts ends when the signal is aborted. */
export type SseProducer = (signal: AbortSignal) => unknown;

/**
 * A source that runs into a channel, whether or not anyone listens.
 *
 * @publicApi
 */
export class SseProduction {
  /** Resolves, and never rejects, when the end is stored or could not be. */
  readonly done: Promise<void>;
  /** Not enumerable: a handler may return this, and a log show it. What is behind it leads to the backplane's secrets. */
  readonly #run: ProductionRun;

  /** @internal */
  constructor(
    /** The channel that it runs into. */
    readonly channel: string,
    run: ProductionRun,
  ) {
    this.#run = run;
    this.done = run.done;
  }

  /** Aborts the signal, releases the source, and stores the end: for clients it has completed. No effect when it is over. */
  stop(): Promise<void> {
    this.#run.stop();
    return this.done;
  }
}

/**
 * One production: its source, what becomes of the values, and its one end.
 *
 * @internal
 */
export class ProductionRun implements SourceSink {
  readonly done: Promise<void>;
  readonly queue: StoreQueue;
  /** Bytes that it has stored, with what its events cost. */
  byteLength = 0;
  isOver = false;
  /** Held since this node is the producer of the channel, if the backplane knows of producers. */
  lease: SseProducerLease | undefined;
  /** Whether its beginning is stored. */
  hasBegun = false;
  /** What another node produces, or has ended, is not this one's to end. */
  isOurs = true;
  /** Resolves when the beginning is stored, or could not be: the end comes after it. */
  readonly beginning: Promise<void>;
  /** Says so. */
  begun!: () => void;
  private settle!: () => void;
  private dataKind: DataKind = 'nothing';
  private told: readonly SseBackplaneEvent[] | undefined;
  private source: Source | undefined;
  private deadline: NodeJS.Timeout | undefined;
  private readonly batch: ValueBatch<true | Promise<void>> | undefined;
  private readonly aborter = new AbortController();

  /** @param origin a source, or what makes one when the production begins */
  constructor(
    readonly channel: string,
    private readonly origin: Source | SseProducer,
    private readonly options: ProduceOptions,
    private readonly host: ProductionHost,
  ) {
    this.done = new Promise((resolve) => (this.settle = resolve));
    this.beginning = new Promise((resolve) => (this.begun = resolve));
    this.queue = host.queueFor(this);
    if (typeof origin !== 'function') this.source = origin;
    const { batch } = options;
    if (batch) {
      this.batch = new ValueBatch(
        batch,
        (value) => this.store(value),
        (error) => this.fail(error),
      );
    }
  }

  start(): void {
    if (this.isOver) return;
    const { deadlineMs } = this.options;
    if (deadlineMs !== false) this.deadline = setTimeout(() => this.fail(tooLong(deadlineMs)), deadlineMs).unref();
    if (typeof this.origin !== 'function') return this.origin.open(this);
    let made: unknown;
    try {
      made = this.origin(this.aborter.signal);
    } catch (error) {
      return this.fail(error);
    }
    if (!isThenable(made)) return this.open(made);
    void made.then(
      (value) => this.open(value),
      (error: unknown) => (this.isOver ? this.stray(error) : this.fail(error)),
    );
  }

  write(value: unknown): true | Promise<void> {
    return this.take(value) ?? true;
  }

  push(value: unknown): void {
    void this.take(value);
  }

  complete(): void {
    this.end('completed');
  }

  stop(): void {
    this.end('stopped');
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    this.flush();
    // What was waiting may have failed as well: then clients are told of that.
    if (this.isOver) return this.host.report(error);
    this.finish(this.failure(error));
  }

  /** Whether clients are told of a failure. */
  get isFailed(): boolean {
    return this.told !== undefined;
  }

  /** What is stored of a failure: an event that tells of it, if there is one, and the end. It is reported once. */
  failure(error: unknown): readonly SseBackplaneEvent[] {
    if (this.told) return this.told;
    this.host.report(error);
    const event = this.host.describe(this.options.errorEvent, error, this.dataKind === 'text');
    const end = endOf('failed', event);
    return (this.told = event ? [event, end] : [end]);
  }

  stray(error: unknown): void {
    if ((error as Partial<Error> | null)?.name !== 'AbortError') this.host.report(error);
  }

  /** Another node produces into the channel, or has said what this one would have: nothing more may be stored. */
  lose(): void {
    this.queue.close();
    this.finish([]);
  }

  private open(value: unknown): void {
    try {
      this.source = toSource(value);
    } catch (error) {
      return this.fail(error);
    }
    if (this.isOver) this.source.cancel();
    else this.source.open(this);
  }

  private take(value: unknown): true | Promise<void> | undefined {
    if (this.isOver) return true;
    return this.batch ? this.batch.add(value) : this.store(value);
  }

  private store(value: unknown): true | Promise<void> {
    const init = toEventAs(this.options.as, value);
    const event = this.host.check(init);
    this.dataKind = dataKindAfter(this.dataKind, init.data);
    const size = ENTRY_BYTES + sizeOf(event);
    const { maxBytes } = this.options;
    if (this.byteLength + size > maxBytes) throw tooLarge(maxBytes);
    this.host.takeBytes(size);
    this.byteLength += size;
    return this.queue.add(event);
  }

  private end(status: 'completed' | 'stopped'): void {
    if (this.isOver) return;
    this.flush();
    this.finish([endOf(status)], status === 'completed');
  }

  private flush(): void {
    try {
      void this.batch?.flush();
    } catch (error) {
      this.fail(error);
    }
  }

  private finish(events: readonly SseBackplaneEvent[], isCompleted = false): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.deadline);
    this.batch?.clear();
    if (!isCompleted) this.aborter.abort();
    this.source?.cancel();
    void this.host.conclude(this, events).then(this.settle);
  }
}

function sizeOf({ type = '', data = '', comment = '' }: SseBackplaneEvent): number {
  return Buffer.byteLength(data) + type.length + Buffer.byteLength(comment);
}

function tooLarge(maxBytes: number): SseError {
  return new SseError(
    'SSE_PRODUCTION_TOO_LARGE',
    `A production has more than ${maxBytes} bytes of events, each with ${ENTRY_BYTES} more, and all of them are kept. Raise maxBytes of produce(), or use more than one channel.`,
  );
}

function tooLong(deadlineMs: number): SseError {
  return new SseError(
    'SSE_PRODUCTION_TIMEOUT',
    `A production went on for more than ${deadlineMs} ms. Raise deadlineMs of produce(), or set it to false.`,
  );
}
