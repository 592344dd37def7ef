import { Observable, Subscription, type Subscriber } from 'rxjs';
import { IS_SOURCE, type Source, type SourceSink } from '../source/source.js';
import { OutputGate } from './output-gate.js';

/** The owner of a chain. It decides what the chain cannot. */
export interface InterceptorSourceOwner {
  /** Something came out before the handler has answered: an interceptor adds it, or answers by itself. */
  early(): void;
  /** The chain has ended, and is no stream so far. */
  ended(values: readonly unknown[]): void;
  /** The chain has failed, and is no stream so far. */
  broke(error: unknown, values: readonly unknown[]): void;
  report(error: unknown): void;
}

/**
 * The interceptors of a route, with its handler below them, as the source of a stream: what comes out of them is what
 * the client gets. What goes in at the bottom is what the handler returned, see {@link through}.
 *
 * @internal
 */
export class InterceptorSource implements Source {
  readonly [IS_SOURCE] = true;

  private readonly subscription = new Subscription();
  private sink: SourceSink | undefined;
  /** What came out before it was known what it is. */
  private held: unknown[] = [];
  private isComplete = false;
  /** What the handler returned last, if it is a source of ours. */
  private source: Source | undefined;
  /** Where values come out that were pulled: the next one waits until they are taken. */
  private gate: OutputGate | undefined;

  constructor(private owner: InterceptorSourceOwner | undefined) {}

  /** Whether what comes out goes to the client. */
  get isOpen(): boolean {
    return this.sink !== undefined;
  }

  /** Runs the interceptors, and through them the handler. */
  start(handled: Observable<unknown>): void {
    this.subscription.add(handled.subscribe(this));
  }

  /** What came out is a stream: it goes to `sink`, what is held first. */
  open(sink: SourceSink): void {
    this.sink = sink;
    const { held } = this;
    this.held = [];
    for (const value of held) this.next(value);
    if (this.isComplete) this.complete();
  }

  /** What the source has accepted goes through the interceptors; those that take their time are too late. */
  handOver(): void {
    this.source?.handOver?.();
  }

  cancel(): void {
    const { owner } = this;
    this.owner = this.sink = undefined;
    this.held = [];
    try {
      this.subscription.unsubscribe();
    } catch (error) {
      // rxjs gathers what teardown functions threw and throws it here.
      owner?.report(error);
    }
    this.source?.cancel();
    this.gate?.release();
  }

  /** What the interceptors get to see of a source that a handler returned: its values, one by one. */
  through(source: Source): Observable<unknown> {
    this.source?.cancel();
    this.source = source;
    return new Observable((subscriber) => {
      source.open(this.bottom(subscriber));
      return () => source.cancel();
    });
  }

  next(value: unknown): void {
    const { sink, gate } = this;
    if (!sink) {
      if (this.held.push(value) === 1) this.owner?.early();
      return;
    }
    try {
      if (gate) gate.took(sink.write(value));
      else sink.push(value);
    } catch (error) {
      this.cancel();
      sink.fail(error);
    }
  }

  error(error: unknown): void {
    const { sink, owner, held } = this;
    if (!sink) owner?.broke(error, held);
    this.cancel();
    sink?.fail(error);
  }

  complete(): void {
    const { sink, owner, held } = this;
    if (sink) {
      this.cancel();
      sink.complete();
    } else {
      this.isComplete = true;
      owner?.ended(held);
    }
  }

  private bottom(subscriber: Subscriber<unknown>): SourceSink {
    return {
      write: (value) => {
        const gate = (this.gate ??= new OutputGate());
        return gate.pass(() => subscriber.next(value));
      },
      push: (value) => subscriber.next(value),
      complete: () => subscriber.complete(),
      fail: (error) => subscriber.error(error),
      stray: (error) => this.owner?.report(error),
    };
  }
}
