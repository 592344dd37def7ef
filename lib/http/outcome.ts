import { Observable, type Subscriber } from 'rxjs';

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
 * handler returns, else an Observable of it. Not a promise: of one it is never known that nobody waits any more.
 *
 * @internal
 */
export class Outcome implements Waiter {
  private state: 'pending' | 'answered' | 'failed' = 'pending';
  private value: unknown;
  private subscriber: Subscriber<unknown> | undefined;

  next(value: unknown): void {
    this.state = 'answered';
    this.value = value;
    this.subscriber?.next(value);
  }

  error(error: unknown): void {
    this.state = 'failed';
    this.value = error;
    this.subscriber?.error(error);
  }

  complete(): void {
    this.subscriber?.complete();
  }

  /**
   * @param givenUp called when whoever is above waits no more, and after the answer
   * @throws what the request failed with
   */
  get(givenUp: () => void): unknown {
    if (this.state === 'failed') throw this.value;
    if (this.state === 'answered') return this.value;
    return new Observable((subscriber) => {
      if (this.state === 'failed') return subscriber.error(this.value);
      if (this.state === 'answered') {
        subscriber.next(this.value);
        return subscriber.complete();
      }
      this.subscriber = subscriber;
      return givenUp;
    });
  }
}
