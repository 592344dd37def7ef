import { isThenable } from '../source/thenable.js';
import type { Connection } from '../connection/connection.js';
import { connectionOf } from './raw-exchange.js';

/**
 * One call of a handler, as the interceptor follows it. `next.handle()` flattens promises and Observables, so by itself
 * it tells neither when the handler has settled nor what it returned.
 *
 * @internal
 */
export interface HandlerCall {
  /** Nobody waits for the answer any more: the handler need not be called. */
  readonly isOver: boolean;
  /**
   * The handler has returned, or its promise has resolved. Called in the handler's own async context, so that what a
   * source does when it is started sees the handler's `AsyncLocalStorage`.
   *
   * @returns what the interceptors below, and Nest, get to see
   */
  settled(value: unknown): unknown;
}

const CALL = Symbol.for('nestjs-event-stream.call');

interface Slot {
  [CALL]?: HandlerCall | undefined;
}

/** Leaves word for the handler that is about to be called with the response of `connection`. */
export function expectCall(connection: Connection, call: HandlerCall): void {
  (connection as Slot)[CALL] = call;
}

/** Calls `handler`, and tells who waits for it. Without anybody (a unit test calls the method) it changes nothing. */
export function callHandler(response: unknown, handler: () => unknown): unknown {
  const isResponse = typeof response === 'object' && response !== null;
  const slot = isResponse ? (connectionOf(response) as Slot | undefined) : undefined;
  const call = slot?.[CALL];
  if (!slot || !call) return handler();
  // Once: the handler may call another decorated method with the same response.
  slot[CALL] = undefined;
  if (call.isOver) return undefined;
  const value = handler();
  return isThenable(value) ? Promise.resolve(value).then((settled) => call.settled(settled)) : call.settled(value);
}
