import type { Connection } from '../connection/connection.js';
import { SseError } from '../protocol/sse-error.js';

/** A method as `@Sse()` has wrapped it. */
export type Callee = (...args: never[]) => unknown;

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
  /** The method that was called. */
  readonly callee: Callee | undefined;
  /** The handler, `callee`, is called, unless the call is over. */
  begin(callee: Callee): void;
  /** Nest calls the handler again: whoever is above, or below, has given the last call up. */
  again(): void;
  /**
   * The handler has returned, a promise perhaps. What becomes of its source happens in the handler's own async context,
   * so that it sees the handler's `AsyncLocalStorage`.
   *
   * @returns what the interceptors, and Nest, get to see
   */
  returned(value: unknown): unknown;
  /** The handler has thrown. */
  threw(error: unknown): unknown;
}

/** Takes a request over when somebody asks for it first: the handler, or a parameter of it. */
export interface Arrivals {
  arrive(handler: object, response: object): HandlerCall;
}

const CALL = Symbol.for('nestjs-event-stream.call');

/** A method: it was called, and answered for. `null`: what is called is not, or no more, a stream of ours. */
type Word = HandlerCall | Arrivals | Callee | null;

interface Slot {
  [CALL]?: Word;
}

/** Leaves word for the handler that is about to be called with `response`. */
export function expectCall(response: object, word: Word): void {
  slotOf(response)[CALL] = word;
}

/** Whether nobody has taken this request over from `arrivals` yet. */
export function isExpectedBy(arrivals: Arrivals, response: object): boolean {
  return slotOf(response)[CALL] === arrivals;
}

/**
 * The call that is about to be made by Nest; `null` if it is that of any method.
 *
 * @throws {SseError} `SSE_NOT_CONFIGURED` when there is no word of it, neither way
 */
export function expectedCall(response: object, handler: object): HandlerCall | null {
  const slot = slotOf(response);
  const last = slot[CALL];
  if (last && 'callee' in last && last.callee) last.again();
  const word = slot[CALL];
  if (word === undefined) throw lostWord();
  if (typeof word === 'function') return null;
  return word && 'arrive' in word ? (slot[CALL] = word.arrive(handler, response)) : word;
}

/**
 * Calls a handler by `call`, and tells who waits for it. Without anybody (a unit test calls the method) it changes
 * nothing.
 */
export function callHandler(response: unknown, handler: Callee, call: () => unknown): unknown {
  if (typeof response !== 'object' || response === null) return call();
  const { [CALL]: word } = slotOf(response);
  // Nest calls it again when it has been answered for: there is nobody to stream to.
  if (word === handler) return undefined;
  if (isCalledBy(word, handler)) return call();
  const expected = expectedCall(response, handler);
  if (!expected) return call();
  expected.begin(handler);
  if (expected.isOver) return expected.returned(undefined);
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    return expected.threw(error);
  }
  return expected.returned(value);
}

/** Whether it is a handler that calls another decorated method, with the same response. */
function isCalledBy(word: Word | undefined, handler: Callee): boolean {
  return !!word && 'callee' in word && word.callee !== undefined && word.callee !== handler;
}

/** Without it the method would be called as any other, and Nest would send its source as JSON, or wait for its end. */
function lostWord(): SseError {
  return new SseError(
    'SSE_NOT_CONFIGURED',
    '@Sse(), @SseClient() and @SseSignal() do not know of this request. Either the method has no @Sse(), or something ' +
      'has replaced `response.locals` after the guards: add to it instead (`response.locals.user = user`).',
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
