import { IS_SOURCE, type Source, type SourceSink } from './source.js';
import { isThenable } from './thenable.js';
import { TurnGuard } from './turn-guard.js';

/**
 * A source that is asked for each value when the sink has room for it.
 *
 * Subclasses say where values come from. This class has the whole protocol of a source: order, room, fairness. It releases
 * what was started exactly once, unless that ended by itself.
 *
 * @internal
 */
export abstract class PullSource implements Source {
  readonly [IS_SOURCE] = true;

  /**
   * Whether `next()` gives results, not promises of them. Then there is no `await` per value, and a value that is a
   * promise is waited for, as `for await` does with a sync iterable.
   */
  protected synchronous = false;

  private sink: SourceSink | undefined;
  private ended = false;
  /** The code behind the source is on the stack, and is told of a `cancel()` that it caused when it has returned. */
  private busy = false;

  /** Takes hold of what values come from. May throw: then nothing is held. */
  protected abstract start(): void;

  /**
   * A promise of the next iterator result, or the result itself if {@link synchronous}. A failure means that it is over
   * and needs no `release()`.
   */
  protected abstract next(): unknown;

  /** Gives up what was started and has not ended, at most once. May throw, or return a promise that may reject. */
  protected abstract release(): unknown;

  /** Gives up what was never started. May throw, or return a promise that may reject: nobody listens yet. */
  protected abstract abandon(): unknown;

  /** Drops references, listeners and locks, whichever way it ended. The last call; it may come twice. */
  protected abstract dispose(): void;

  open(sink: SourceSink): void {
    if (this.ended) {
      return;
    }
    this.sink = sink;
    this.busy = true;
    try {
      this.start();
    } catch (error) {
      this.fail(sink, error, false);
      return;
    }
    this.busy = false;
    if (this.ended) {
      this.letGo(sink);
      return;
    }
    void this.run(sink);
  }

  cancel(): void {
    if (this.ended) {
      return;
    }
    this.ended = true;
    const sink = this.sink;
    this.sink = undefined;
    if (!sink) {
      attempt(() => this.abandon(), ignore);
      this.dispose();
    } else if (!this.busy) {
      this.letGo(sink);
    }
    // Otherwise a generator is running, and would refuse `return()`. The code that called it releases it right after.
  }

  private async run(sink: SourceSink): Promise<void> {
    const turn = new TurnGuard();
    // Whether there is something to release after an error. After an error of `next()` there is not: the iterator is over.
    let holding = false;
    try {
      for (;;) {
        holding = false;
        this.busy = true;
        const pulled = this.next();
        this.busy = false;
        if (this.ended) {
          this.letGo(sink);
        }
        const result = this.synchronous ? pulled : await pulled;
        if (this.ended) {
          return;
        }
        if (!isIteratorResult(result)) {
          throw new TypeError(`The source's next() gave ${typeof result}, not an object with done and value.`);
        }
        if (result.done) {
          break;
        }
        let value = result.value;
        holding = true;
        if (this.synchronous && isThenable(value)) {
          value = await value;
          if (this.ended) {
            return;
          }
        }
        const room = sink.write(value);
        if (room !== true) {
          await room;
        }
        const pause = turn.pause();
        if (pause) {
          await pause;
        }
        if (this.ended) {
          return;
        }
      }
    } catch (error) {
      this.fail(sink, error, holding);
      return;
    }
    this.ended = true;
    this.sink = undefined;
    this.dispose();
    sink.complete();
  }

  private fail(sink: SourceSink, error: unknown, holding: boolean): void {
    if (this.ended) {
      this.dispose();
      sink.stray(error);
      return;
    }
    this.ended = true;
    this.sink = undefined;
    if (holding) {
      this.letGo(sink);
    } else {
      this.dispose();
    }
    sink.fail(error);
  }

  private letGo(sink: SourceSink): void {
    attempt(
      () => this.release(),
      (error) => sink.stray(error),
    );
    this.dispose();
  }
}

/** Runs `action`, and tells what it throws or rejects with. */
function attempt(action: () => unknown, tell: (error: unknown) => void): void {
  try {
    const result = action();
    if (isThenable(result)) {
      Promise.resolve(result).then(undefined, tell);
    }
  } catch (error) {
    tell(error);
  }
}

function ignore(): void {}

function isIteratorResult(value: unknown): value is IteratorResult<unknown> {
  // An iterator result may be a function: for JavaScript that is an object.
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
