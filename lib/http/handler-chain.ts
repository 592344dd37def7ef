import { Subscription, type Observable } from 'rxjs';
import { IS_SOURCE, type Source, type SourceSink } from '../source/source.js';

/** Who waits for what comes through the interceptors below. */
export interface ChainListener {
  received(value: unknown): void;
  failed(error: unknown): void;
}

/**
 * The interceptors below ours and the handler. What comes from them is an answer; but once the handler has returned an
 * Observable, it is a source: they may map each event, as with Nest's own `@Sse()`.
 *
 * @internal
 */
export class HandlerChain implements Source {
  readonly [IS_SOURCE] = true;

  private readonly subscription = new Subscription();
  /** Let go of as soon as this is a source: it holds the request. */
  private listener: ChainListener | undefined;
  private sink: SourceSink | undefined;

  /** Calls the handler. */
  subscribe(handled: Observable<unknown>, listener: ChainListener): void {
    this.listener = listener;
    this.subscription.add(handled.subscribe(this));
  }

  open(sink: SourceSink): void {
    this.listener = undefined;
    this.sink = sink;
  }

  cancel(): void {
    this.listener = this.sink = undefined;
    this.subscription.unsubscribe();
  }

  next(value: unknown): void {
    const { sink } = this;
    try {
      sink?.push(value);
    } catch (error) {
      this.cancel();
      sink?.fail(error);
    }
    this.listener?.received(value);
  }

  error(error: unknown): void {
    const { sink, listener } = this;
    this.cancel();
    sink?.fail(error);
    listener?.failed(error);
  }

  complete(): void {
    const { sink, listener } = this;
    this.cancel();
    sink?.complete();
    listener?.received(undefined);
  }
}
