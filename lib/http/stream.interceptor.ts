import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { InterceptedRequest } from './intercepted-request.js';
import { acceptorOf, type RequestAcceptor } from './request-state.js';

/** Marks the interceptor: a process may load both builds of this package, and start several applications. */
const IS_CHAIN = Symbol.for('nestjs-event-stream.chain');

/** Takes requests over whose route has interceptors. */
export interface InterceptedRequestAcceptor extends RequestAcceptor {
  /** @returns `null` if it is taken over already, or not ours to answer */
  interceptedRequestOf(
    response: object,
    handler: object,
  ): InterceptedRequest | null | Promise<InterceptedRequest | null>;
}

/**
 * The outermost interceptor of a stream's route, if the route has any: what comes out of those below is the stream.
 *
 * It stands in metadata, which all applications of a process share, so it knows of none: it asks the response.
 *
 * @internal
 */
export class StreamInterceptor implements NestInterceptor {
  readonly [IS_CHAIN] = true;

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> | Promise<Observable<unknown>> {
    if (context.getType() !== 'http') return next.handle();
    const response = context.getArgByIndex<object>(1);
    const acceptor = acceptorOf(response) as InterceptedRequestAcceptor | undefined;
    const request = acceptor?.interceptedRequestOf(response, context.getHandler());
    if (request instanceof Promise) return request.then((mine) => mine?.follow(next.handle()) ?? next.handle());
    return request?.follow(next.handle()) ?? next.handle();
  }
}

export function isStreamInterceptor(interceptor: unknown): boolean {
  return typeof interceptor === 'object' && interceptor !== null && IS_CHAIN in interceptor;
}
