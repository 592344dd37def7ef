import type { Connection } from '../connection/connection.js';
import { isThenable } from '../source/thenable.js';

/**
 * One call of a handler, as we follow it. Nest and its interceptors flatten promises and Observables, so by themselves
 * they tell neither when the handler has settled nor what it returned.
 *
 * @internal
 */
export interface HandlerCall {
  readonly connection: Connection;
  /** Nobody waits for the answer any more: the handler need not be called. */
  readonly isOver: boolean;
  /**
   * The handler has returned, or its promise has resolved. Called in the handler's own async context, so that what a
   * source does when it is started sees the handler's `AsyncLocalStorage`.
   *
   * @returns what the interceptors, and Nest, get to see
   */
  settled(value: unknown): unknown;
  /** The handler has thrown, or its promise was rejected. */
  threw(error: unknown): unknown;
}

/** Takes a request over when somebody asks for it first: the handler, or a parameter of it. */
export interface Arrivals {
  arrive(handler: object, response: object): HandlerCall;
}

const CALL = Symbol.for('nestjs-event-stream.call');

interface Slot {
  [CALL]?: HandlerCall | Arrivals | undefined;
}

/** Leaves word for the handler that is about to be called with `response`. */
export function expectCall(response: object, call: HandlerCall | Arrivals): void {
  slotOf(response)[CALL] = call;
}

/** The call of `handler` that is about to be made. */
export function expectedCall(response: object, handler: object): HandlerCall | undefined {
  const slot = slotOf(response);
  const call = slot[CALL];
  return call && 'arrive' in call ? (slot[CALL] = call.arrive(handler, response)) : call;
}

/**
 * Calls a handler by `call`, and tells who waits for it. Without anybody (a unit test calls the method) it changes
 * nothing.
 */
export function callHandler(response: unknown, handler: object, call: () => unknown): unknown {
  if (typeof response !== 'object' || response === null) return call();
  const expected = expectedCall(response, handler);
  if (!expected) return call();
  // Once: the handler may call another decorated method with the same response.
  slotOf(response)[CALL] = undefined;
  if (expected.isOver) return expected.settled(undefined);
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    return expected.threw(error);
  }
  if (!isThenable(value)) return expected.settled(value);
  return Promise.resolve(value).then(
    (settled) => expected.settled(settled),
    (error: unknown) => expected.threw(error),
  );
}

/**
 * A property instead of a map at module level: it goes with the response, and two apps never meet in it. Express has an
 * object for what belongs to a request, `locals`; its response itself is no place for that, because each has a hidden
 * class of its own, and to give it one more property takes 5 µs. Fastify hands out its `reply`, which takes it.
 */
function slotOf(response: object): Slot {
  return (response as { readonly locals?: Slot }).locals ?? response;
}
