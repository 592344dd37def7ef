import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { Admission } from './admission.js';
import { InterceptedRequest } from './intercepted-request.js';
import type { InterceptedRequestAcceptor } from './stream.interceptor.js';
import { PlatformReply } from './platform-reply.js';
import { NEST_METADATA } from './internals.js';
import type { RawResponse } from './node-messages.js';
import { turnInPipeline } from './pipelining.js';
import { resolveStreamOptions, type SseRouteOptions, type StreamOptions } from './route-options.js';
import { StreamRequest, streamEnd, type StreamRoute } from './stream-request.js';

/** Where the options of a route are kept, on its handler. */
export const SSE_ROUTE_METADATA = Symbol.for('nestjs-event-stream.route');

/**
 * The `@Sse()` routes of one application. It takes their requests over: from then on each has a connection.
 *
 * @internal
 */
export class StreamRoutes implements InterceptedRequestAcceptor {
  /** Where Fastify's requests keep the context of their route; found when the application starts. */
  contextKey: symbol | undefined;

  private readonly routes = new WeakMap<object, StreamRoute>();

  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly options: StreamOptions,
    private readonly admission: Admission,
  ) {}

  take(handler: object, response: object): StreamRequest {
    return this.admit(new StreamRequest(this, this.registry, this.replyOf(response), this.routeOf(handler)));
  }

  takeIntercepted(handler: object, response: object): InterceptedRequest {
    return this.admit(new InterceptedRequest(this, this.registry, this.replyOf(response), this.routeOf(handler)));
  }

  /**
   * Waits until it is the turn of a request that its client has pipelined.
   *
   * @throws {ServiceUnavailableException} as `turnInPipeline()`
   */
  turnOf(response: object): Promise<true> | undefined {
    // Fastify's reply has Node's response, Express' is one. Not asked of the response: to find that there is no `raw` takes long.
    const raw = this.contextKey ? (response as { readonly raw: RawResponse }).raw : (response as RawResponse);
    try {
      return turnInPipeline(raw);
    } catch (error) {
      this.registry.observer.refused(this.replyOf(response).route, 'too_many_waiting');
      throw error;
    }
  }

  routeOf(handler: object): StreamRoute {
    let route = this.routes.get(handler);
    if (!route) {
      const options = (Reflect.getMetadata(SSE_ROUTE_METADATA, handler) ?? {}) as SseRouteOptions;
      const resolved = resolveStreamOptions(this.options, options);
      const report = (error: unknown) => this.registry.observer.failed(error);
      route = {
        options: resolved,
        isRedirect: Reflect.hasMetadata(NEST_METADATA.redirect, handler),
        report,
        end: streamEnd(resolved, report),
        admission: this.admission,
      };
      this.routes.set(handler, route);
    }
    return route;
  }

  private replyOf(response: object): PlatformReply {
    return new PlatformReply(response, this.contextKey);
  }

  private admit<T extends StreamRequest>(request: T): T {
    const refusal = this.admission.onArrival(request.connection);
    if (refusal) request.connection.end(refusal);
    return request;
  }
}
