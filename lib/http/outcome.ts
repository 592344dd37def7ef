/**
 * Who waits for the answer of a request: the interceptors above ours (an rxjs `Subscriber`), or Nest itself.
 *
 * @internal
 */
export interface Waiter {
  next(value: unknown): void;
  error(error: unknown): void;
  complete(): void;
}

/**
 * What a handler that is called by Nest itself returns in place of its source: the answer if it is known when the
 * handler returns, else a promise of it.
 *
 * @internal
 */
export class Outcome implements Waiter {
  private state: 'pending' | 'answered' | 'failed' = 'pending';
  private value: unknown;
  private settle: ((value: unknown) => void) | undefined;

  next(value: unknown): void {
    this.state = 'answered';
    this.value = value;
    this.settle?.(value);
  }

  error(error: unknown): void {
    this.state = 'failed';
    this.value = error;
    this.settle?.(Promise.reject(error));
  }

  complete(): void {
    // It has been told by `next()`.
  }

  /** @throws what the request failed with */
  get(): unknown {
    if (this.state === 'failed') throw this.value;
    return this.state === 'answered' ? this.value : new Promise((resolve) => (this.settle = resolve));
  }
}
