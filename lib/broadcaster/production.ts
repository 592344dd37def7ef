import type { SseBackplaneEvent } from '../backplane/backplane.js';
import { dataKindAfter, type DataKind } from '../protocol/data-kind.js';
import { SseError } from '../protocol/sse-error.js';
import { toEventAs, type SseValuesAs } from '../protocol/sse-event-like.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import type { Source, SourceSink } from '../source/source.js';

/** What an event costs beside its text, about: its place in the store and in the log. */
const ENTRY_BYTES = 256;

/** What a production needs of the broadcaster. */
export interface ProductionHost {
  /** At most so many bytes are stored. */
  readonly maxBytes: number;
  readonly as: SseValuesAs;
  check(event: SseEventInit): SseBackplaneEvent;
  store(event: SseBackplaneEvent): string | Promise<string>;
  /** Stores what ends the life (an announced failure, if any, and the end), and lets go of the channel. Never rejects. */
  conclude(events: readonly SseBackplaneEvent[]): Promise<void>;
  describe(error: unknown, isText: boolean): SseBackplaneEvent | undefined;
  report(error: unknown): void;
}

/**
 * A source that runs into a channel, whether or not anyone listens.
 *
 * @publicApi
 */
export class SseProduction {
  /** Resolves when the end is stored, or could not be stored. Never rejects. */
  readonly done: Promise<void>;

  /** @internal */
  constructor(
    /** The channel that it runs into. */
    readonly channel: string,
    private readonly run: ProductionRun,
  ) {
    this.done = run.done;
  }

  /** Releases the source and stores the end. Clients see that it has completed. No effect when it is over. */
  stop(): Promise<void> {
    this.run.complete();
    return this.done;
  }
}

function ignore(): void {
  // The position is nobody's here.
}

const END: SseBackplaneEvent = { kind: 'end' };

/** @internal */
export class ProductionRun implements SourceSink {
  readonly done: Promise<void>;
  private settle!: () => void;
  isOver = false;
  private byteLength = 0;
  private dataKind: DataKind = 'nothing';

  constructor(
    private readonly source: Source,
    private readonly host: ProductionHost,
  ) {
    this.done = new Promise((resolve) => (this.settle = resolve));
  }

  start(): void {
    if (!this.isOver) this.source.open(this);
  }

  write(value: unknown): true | Promise<void> {
    const stored = this.store(value);
    // As fast as the store takes it: that is all the backpressure there is, since nobody need be reading.
    return stored instanceof Promise ? stored.then(ignore, (error: unknown) => this.fail(error)) : true;
  }

  push(value: unknown): void {
    const stored = this.store(value);
    if (stored instanceof Promise) stored.catch((error: unknown) => this.fail(error));
  }

  complete(): void {
    this.finish([END]);
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    this.host.report(error);
    const event = this.host.describe(error, this.dataKind === 'text');
    this.finish(event ? [event, END] : [END]);
  }

  stray(error: unknown): void {
    if ((error as Partial<Error> | null)?.name !== 'AbortError') this.host.report(error);
  }

  /** Another node produces into the channel, or has said what this one would have: nothing more may be stored. */
  lose(): void {
    this.finish([]);
  }

  private store(value: unknown): string | Promise<string> | undefined {
    if (this.isOver) return undefined;
    const init = toEventAs(this.host.as, value);
    const event = this.host.check(init);
    this.dataKind = dataKindAfter(this.dataKind, init.data);
    this.byteLength += ENTRY_BYTES + sizeOf(event);
    if (this.byteLength <= this.host.maxBytes) return this.host.store(event);
    this.fail(tooLarge(this.host.maxBytes));
    return undefined;
  }

  private finish(events: readonly SseBackplaneEvent[]): void {
    if (this.isOver) return;
    this.isOver = true;
    this.source.cancel();
    void this.host.conclude(events).then(this.settle);
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
