import type { SseSubscription } from '../subscription/sse-subscription.js';
import type { SseJsonAnswer, SseResponse } from './sse-response.js';

/**
 * What an `@Sse()` handler may return, or promise: a source of events, an answer of its own, or `null` for 204 No Content.
 * Sources are described by their methods, so an Observable of another copy of rxjs is one too.
 *
 * @publicApi
 */
export type SseHandlerAnswer =
  // An Observable, and what other libraries hand out as one.
  | { subscribe(...observer: never[]): unknown }
  | { '@@observable'(): unknown }
  // Arrays, generators, Node streams, `SseStream`, `SseQueue`. Not text, which can be iterated too.
  | (object & ({ [Symbol.iterator](): unknown } | { [Symbol.asyncIterator](): unknown }))
  // A web `ReadableStream`, which is not iterable in every library of types.
  | { getReader(...options: never[]): unknown; cancel(...reason: never[]): unknown }
  | SseSubscription
  | SseResponse
  | SseJsonAnswer
  | null
  // A handler that answers by itself, with `@Res()`, or redirects with `@Redirect()`.
  | undefined
  | { url: string; statusCode?: number };

/** A descriptor of a handler; for one that returns something else, a type that says so in the compiler's error. */
type Handler<T> = T extends (...args: never[]) => infer R
  ? unknown extends Awaited<R>
    ? unknown
    : [Exclude<Awaited<R>, void>] extends [SseHandlerAnswer]
      ? unknown
      : { 'An @Sse() handler returns a source of events, an SseResponse, or null; this one returns': Awaited<R> }
  : unknown;

/**
 * What `Sse()` makes: a decorator of methods that return a {@link SseHandlerAnswer}, or a promise of one.
 *
 * There are two signatures that say the same, because of two the compiler finds that they fit where any method decorator
 * does, in Nest's `applyDecorators()` above all.
 *
 * @publicApi
 */
export interface SseDecorator {
  <T>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<T> & Handler<T>): void;
  <T>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<T> & Handler<T>): void;
}
