import { PullSource } from './pull-source.js';

type AnyIterable = AsyncIterable<unknown> | Iterable<unknown>;
type AnyIterator = AsyncIterator<unknown> | Iterator<unknown>;

/**
 * Anything that `for await` can walk: generators, arrays, queues, an SDK's stream.
 *
 * It is walked as `for await` would do it, with one difference: `return()` is called the moment the client leaves, not
 * when the iterator comes back from the `await` it is suspended in. An async generator queues the call until then; an
 * iterator written by hand can act on it at once.
 *
 * @internal
 */
export class IterableSource extends PullSource {
  private iterable: AnyIterable | undefined;
  private iterator: AnyIterator | undefined;

  constructor(iterable: AnyIterable) {
    super();
    this.iterable = iterable;
  }

  protected override start(): void {
    const iterable = this.iterable as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
    this.iterable = undefined;
    // As the language reads it: once, and a null counts as missing.
    const iterateAsync = iterable[Symbol.asyncIterator] ?? undefined;
    const iterator: unknown = iterateAsync ? iterateAsync.call(iterable) : iterable[Symbol.iterator]?.();
    if (typeof iterator !== 'object' || iterator === null) {
      throw new TypeError('The source gave no iterator.');
    }
    this.synchronous = !iterateAsync;
    this.iterator = iterator as AnyIterator;
  }

  protected override next(): unknown {
    return this.iterator?.next();
  }

  protected override release(): unknown {
    return this.iterator?.return?.();
  }

  protected override abandon(): unknown {
    // An iterable that nobody asked for an iterator holds nothing, and asking may start something. What is an iterator
    // already, above all a generator, holds something before.
    if (this.iterable && 'next' in this.iterable) {
      this.start();
      return this.release();
    }
    return undefined;
  }

  protected override dispose(): void {
    this.iterable = undefined;
    this.iterator = undefined;
  }
}
