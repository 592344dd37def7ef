import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { InterceptedRequest } from './intercepted-request.js';
import { acceptorOf, type RequestAcceptor } from './request-state.js';

/** Marks the interceptor: a process may load both builds of this package, and start several applications. */
const IS_CHAIN = Symbol.for('nestjs-event-stream.chain');

/** Takes requests over whose route has interceptors. */
export interface InterceptedRequestAcceptor extends RequestAcceptor {
  takeIntercepted(handler: object, response: object): InterceptedRequest;
}

/**
 * The outermost interceptor of a stream's route, if the route has any: what comes out of those below is the stream.
 *
 * It stands in metadata, which all applications of a process share, so it knows of none: it asks the response, where the
 * guard has left the application. Where there is none (no `@Sse()`, or the request is taken over already) all pass.
 *
 * @internal
 */
export class StreamInterceptor implements NestInterceptor {
  readonly [IS_CHAIN] = true;

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> | Promise<Observable<unknown>> {
    const response = context.getArgByIndex<object | undefined>(1);
    const acceptor = response && (acceptorOf(response) as InterceptedRequestAcceptor | undefined);
    if (!acceptor) return next.handle();
    return acceptor.takeIntercepted(context.getHandler(), response).follow(next.handle());
  }
}

export function isStreamInterceptor(interceptor: unknown): boolean {
  return typeof interceptor === 'object' && interceptor !== null && IS_CHAIN in interceptor;
}
