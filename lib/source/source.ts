/**
 * Marks an object that a handler may return and that is a {@link Source} already, so that `toSource()` takes it as it
 * is. The methods alone would not tell: database cursors have an `open()` and a `cancel()` too.
 *
 * A registered symbol, because one process may load the ESM and the CommonJS build.
 *
 * @internal
 */
export const IS_SOURCE: unique symbol = Symbol.for('nestjs-event-stream.source');

/**
 * What a handler returned, as one shape: something that hands values to a sink until it completes, fails or is
 * cancelled. A source is opened at most once.
 *
 * @internal
 */
export interface Source {
  readonly [IS_SOURCE]?: true;

  /**
   * Starts handing values to `sink`, possibly before it returns; the end may come before it returns as well. Never
   * throws: a failure, also a synchronous one, is told to `sink.fail()`. After `complete()` or `fail()`, and after
   * `cancel()`, nothing more is told but `sink.stray()`.
   */
  open(sink: SourceSink): void;

  /**
   * The stream is about to end in good order: writes, at once and whatever room there is, what the source has said that it
   * accepted, and accepts no more. Called at most once, and `cancel()` right after it. May tell `fail()` instead.
   */
  handOver?(): void;

  /**
   * Gives the source up and releases what it holds: unsubscribes, calls an iterator's `return()` (exactly once, also
   * while the iterator is suspended in an `await`), destroys a stream. Also valid before `open()`, when the client left
   * before the source was ready, and from inside any method of the sink. Never throws. Idempotent, and without effect
   * after the source ended by itself.
   */
  cancel(): void;
}

/**
 * Where a source puts its values. Only `write()` and `push()` may throw.
 *
 * @internal
 */
export interface SourceSink {
  /**
   * Takes one value of a source that can wait. `true`: the next one may follow at once. A promise: wait until it
   * resolves (it always does: when there is room again, or when the sink is closed). A value that cannot be sent
   * throws an `SseError`; the source then cancels itself and tells `fail()`.
   */
  write(value: unknown): true | Promise<void>;

  /** Takes one value of a source that cannot wait. A value that cannot be sent throws, as with `write()`. */
  push(value: unknown): void;

  /** The source has ended by itself. */
  complete(): void;

  /** The source has failed, or yielded what cannot be sent. */
  fail(error: unknown): void;

  /**
   * An error that came when nobody waits for it any more, e.g. from a generator's `finally` after `cancel()`, or the
   * `AbortError` of the `await` that it was suspended in.
   *
   * So a cancelled source that is suspended in something that never settles is still able to reach its sink, for as
   * long as the user's code holds on to that something. A closed sink should not hold much.
   */
  stray(error: unknown): void;
}
