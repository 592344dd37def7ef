import type { SourceSink } from '../../lib/source/source.js';

/**
 * A sink for specs: it writes down what it is told, and specs wait for what they expect instead of for time.
 *
 * @internal
 */
export class RecordingSink implements SourceSink {
  readonly values: unknown[] = [];
  /** Every end that was told: `'completed'`, or the error. One is right, two are a bug. */
  readonly ends: unknown[] = [];
  readonly strays: unknown[] = [];

  /** Runs inside `write()` and `push()`, after the value was written down. What it throws, they throw. */
  onValue: (value: unknown) => void = () => undefined;
  /** Runs inside `complete()` and `fail()`. */
  onEnd: () => void = () => undefined;
  /** What `write()` returns. */
  room: () => true | Promise<void> = () => true;

  private waiting: { readonly isTrue: () => boolean; readonly resolve: () => void }[] = [];

  write(value: unknown): true | Promise<void> {
    this.push(value);
    return this.room();
  }

  push(value: unknown): void {
    this.values.push(value);
    this.look();
    this.onValue(value);
  }

  complete(): void {
    this.ends.push('completed');
    this.look();
    this.onEnd();
  }

  fail(error: unknown): void {
    this.ends.push(error);
    this.look();
    this.onEnd();
  }

  stray(error: unknown): void {
    this.strays.push(error);
    this.look();
  }

  /** Resolves once `isTrue()`. */
  until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ isTrue, resolve });
      this.look();
    });
  }

  ended(): Promise<void> {
    return this.until(() => this.ends.length > 0);
  }

  private look(): void {
    const waiting = this.waiting;
    this.waiting = waiting.filter(({ isTrue }) => !isTrue());
    waiting.filter((entry) => !this.waiting.includes(entry)).forEach(({ resolve }) => resolve());
  }
}
