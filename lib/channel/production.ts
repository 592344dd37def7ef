import type { SseBackplaneEvent } from '../backplane/backplane.js';
import { toEventInit } from '../protocol/sse-event-like.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import type { Source, SourceSink } from '../source/source.js';

/** What a production needs of the broadcaster. */
export interface ProductionHost {
  store(event: SseEventInit): string | Promise<string>;
  /** Stores what ends the life: an announced failure, if any, and the end. */
  storeEnd(events: readonly SseBackplaneEvent[]): Promise<void>;
  describe(error: unknown): SseBackplaneEvent | undefined;
  report(error: unknown): void;
  over(): void;
}

/**
 * A source that runs into a channel, whether or not anyone listens.
 *
 * @publicApi
 */
export class SseProduction {
  /** Resolves, and never rejects, when the end is stored or could not be. */
  readonly done: Promise<void>;

  /** @internal */
  constructor(
    /** The channel that it runs into. */
    readonly channel: string,
    private readonly run: ProductionRun,
  ) {
    this.done = run.done;
  }

  /** Releases the source, and stores the end: for clients it has completed. No effect when it is over. */
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
    if (this.isOver) return true;
    const stored = this.host.store(toEventInit(value));
    // As fast as the store takes it: that is all the backpressure there is, since nobody need be reading.
    return typeof stored === 'string' ? true : stored.then(ignore, (error: unknown) => this.fail(error));
  }

  push(value: unknown): void {
    if (this.isOver) return;
    const stored = this.host.store(toEventInit(value));
    if (typeof stored !== 'string') stored.catch((error: unknown) => this.fail(error));
  }

  complete(): void {
    this.finish([END]);
  }

  fail(error: unknown): void {
    if (!this.isOver) this.host.report(error);
    const event = this.isOver ? undefined : this.host.describe(error);
    this.finish(event ? [event, END] : [END]);
  }

  stray(error: unknown): void {
    if ((error as Partial<Error> | null)?.name !== 'AbortError') this.host.report(error);
  }

  /** The producer is gone, and somebody else has said so: nothing more may be stored. */
  lose(): void {
    this.finish([]);
  }

  private finish(events: readonly SseBackplaneEvent[]): void {
    if (this.isOver) return;
    this.isOver = true;
    this.source.cancel();
    const { host } = this;
    void host
      .storeEnd(events)
      .catch((error: unknown) => host.report(error))
      .finally(() => {
        host.over();
        this.settle();
      });
  }
}
