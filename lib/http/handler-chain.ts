import type { Source, SourceSink } from '../source/source.js';

/**
 * A handler's Observable that reaches us through the interceptors below ours: they may map each event, as with Nest's
 * own `@Sse()`. It was subscribed to already; what it emits is passed on.
 *
 * @internal
 */
export class ChainSource implements Source {
  private sink: SourceSink | undefined;

  constructor(private readonly unsubscribe: () => void) {}

  open(sink: SourceSink): void {
    this.sink = sink;
  }

  cancel(): void {
    this.sink = undefined;
    this.unsubscribe();
  }

  next(value: unknown): void {
    const { sink } = this;
    try {
      sink?.push(value);
    } catch (error) {
      this.cancel();
      sink?.fail(error);
    }
  }

  error(error: unknown): void {
    const { sink } = this;
    this.sink = undefined;
    sink?.fail(error);
  }

  complete(): void {
    const { sink } = this;
    this.sink = undefined;
    sink?.complete();
  }
}
