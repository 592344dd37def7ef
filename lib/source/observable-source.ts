import { IS_SOURCE, type Source, type SourceSink } from './source.js';

/**
 * As much of an Observable as is needed: rxjs's, or any with the same `subscribe()`.
 *
 * @internal
 */
export interface ObservableLike {
  subscribe(observer: {
    next: (value: unknown) => void;
    error: (error: unknown) => void;
    complete: () => void;
  }): unknown;
}

/**
 * An Observable: it emits when it likes and cannot be paused, so values are pushed.
 *
 * An Observable may emit, and end, before `subscribe()` has returned what it could be unsubscribed with. A `cancel()`
 * from inside is then carried out right after; what is emitted until then is dropped.
 *
 * @internal
 */
export class ObservableSource implements Source {
  readonly [IS_SOURCE] = true;

  private observable: ObservableLike | undefined;
  private sink: SourceSink | undefined;
  private subscription: unknown;
  private ended = false;

  constructor(observable: ObservableLike) {
    this.observable = observable;
  }

  open(sink: SourceSink): void {
    const observable = this.observable;
    this.observable = undefined;
    if (!observable || this.ended) {
      return;
    }
    this.sink = sink;
    // Set when the source ends by itself: then there is nothing left to unsubscribe from.
    let settled = false;
    try {
      const subscription = observable.subscribe({
        next: (value) => this.next(value),
        error: (error) => {
          settled ||= !this.ended;
          this.fail(sink, error);
        },
        complete: () => {
          settled ||= !this.ended;
          this.complete();
        },
      });
      if (!this.ended) {
        this.subscription = subscription;
      } else if (!settled) {
        unsubscribe(subscription, sink);
      }
    } catch (error) {
      this.fail(sink, error);
    }
  }

  cancel(): void {
    this.end();
  }

  /** Never throws: rxjs would report it as an uncaught exception in a later turn. */
  private next(value: unknown): void {
    const sink = this.sink;
    if (!sink) {
      return;
    }
    try {
      sink.push(value);
    } catch (error) {
      const told = this.ended;
      this.end();
      if (told) {
        sink.stray(error);
      } else {
        sink.fail(error);
      }
    }
  }

  private fail(sink: SourceSink, error: unknown): void {
    if (this.ended) {
      sink.stray(error);
      return;
    }
    this.subscription = undefined;
    this.end();
    sink.fail(error);
  }

  private complete(): void {
    const sink = this.sink;
    this.subscription = undefined;
    this.end();
    sink?.complete();
  }

  /** Ends from our side what still runs, and forgets everything. */
  private end(): void {
    const { sink, subscription } = this;
    this.ended = true;
    this.observable = undefined;
    this.sink = undefined;
    this.subscription = undefined;
    if (sink && subscription !== undefined) {
      unsubscribe(subscription, sink);
    }
  }
}

/** Some hand out an object, as rxjs does, some a function, some nothing. */
function unsubscribe(subscription: unknown, sink: SourceSink): void {
  try {
    if (typeof subscription === 'function') {
      (subscription as () => void)();
    } else {
      (subscription as { unsubscribe?: () => void } | null | undefined)?.unsubscribe?.();
    }
  } catch (error) {
    // rxjs gathers what teardown functions threw and throws it here.
    sink.stray(error);
  }
}
