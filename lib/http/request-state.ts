import type { Connection } from '../connection/connection.js';
import { SseError } from '../protocol/sse-error.js';

/** A method as `@Sse()` has wrapped it. */
export type Handler = (...args: never[]) => unknown;

/** A request that was taken over, as far as its handler and the handler's parameters know it. */
export interface TakenRequest {
  readonly connection: Connection;
  /** Calls the handler by `call`. @returns what Nest gets in place of what the handler returned */
  run(handler: Handler, call: () => unknown): unknown;
}

/** Takes requests over, for one application. */
export interface RequestAcceptor {
  take(handler: object, response: object): TakenRequest;
}

const STATE = Symbol.for('nestjs-event-stream.request-state');

/** `null`: Nest answers it by itself, or it is answered. */
type RequestState = RequestAcceptor | TakenRequest | null;

interface Slot {
  [STATE]?: RequestState;
}

/** Says on a response how far its request is, for who comes next. */
export function setRequestState(response: object, state: RequestState): void {
  slotOf(response)[STATE] = state;
}

/** The application whose guard let the request in, as long as nobody has taken it over. */
export function acceptorOf(response: object): RequestAcceptor | undefined {
  const state = slotOf(response)[STATE];
  return state && 'take' in state ? state : undefined;
}

/**
 * The request of this response, which is taken over if it is not yet; `null` if it is not for us to answer.
 *
 * @throws {SseError} `SSE_NOT_CONFIGURED` when the response says nothing of it
 */
export function requestOf(response: object, handler: object): TakenRequest | null {
  const slot = slotOf(response);
  const state = slot[STATE];
  if (state === undefined) throw notConfigured();
  return state && 'take' in state ? (slot[STATE] = state.take(handler, response)) : state;
}

/** Without it the method would be called as any other, and Nest would send its source as JSON, or wait for its end. */
function notConfigured(): SseError {
  return new SseError(
    'SSE_NOT_CONFIGURED',
    'A stream was asked for that SseModule does not know of. Either SseModule.forRoot() is not among the imports of this ' +
      'application (or the method has no @Sse() of nestjs-event-stream), or something has replaced `response.locals` after ' +
      'the guards: add to it instead (`response.locals.user = user`).',
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
