import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { Admission } from './admission.js';
import { InterceptedRequest } from './intercepted-request.js';
import { NEST_METADATA } from './internals.js';
import type { RawResponse } from './node-messages.js';
import { turnInPipeline } from './pipelining.js';
import { Reauthorizer } from '../rights/reauthorizer.js';
import type { Reauthorize, RightsOptions } from '../rights/rights-options.js';
import { PlatformReply, type Platform } from './platform-reply.js';
import type { MaybeTaken } from './request-state.js';
import type { InterceptedRequestAcceptor } from './stream.interceptor.js';
import { resolveStreamOptions, type SseRouteOptions, type StreamOptions } from './route-options.js';
import { RouteRights } from './route-rights.js';
import { StreamRequest, streamEnd, type RequestMarks, type StreamRoute } from './stream-request.js';

/** Where the options of a route are kept, on its handler. */
export const SSE_ROUTE_METADATA = Symbol.for('nestjs-event-stream.route');

/**
 * The `@Sse()` routes of one application. It takes their requests over: from then on each has a connection.
 *
 * @internal
 */
export class StreamRoutes implements InterceptedRequestAcceptor, RequestMarks {
  /** Known when the application starts. */
  platform!: Platform;

  /** `null`: no `@Sse()` method, or one that Nest answers by itself. */
  private readonly routes = new Map<object, StreamRoute | null>();
  /**
   * How far each request is, by its response as the platform hands it to handlers. Not a property of the response: one more
   * costs 5 µs on Express, where each has a hidden class of its own.
   */
  private readonly requests = new WeakMap<object, MaybeTaken | Promise<MaybeTaken>>();
  private readonly reauthorizers = new Map<Reauthorize, Reauthorizer>();

  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly options: StreamOptions,
    private readonly admission: Admission,
  ) {}

  requestOf(response: object, handler: object): MaybeTaken | Promise<MaybeTaken> {
    const known = this.requests.get(response);
    return known === undefined ? this.arrived(StreamRequest, response, handler) : known;
  }

  interceptedRequestOf(
    response: object,
    handler: object,
  ): InterceptedRequest | null | Promise<InterceptedRequest | null> {
    // Another interceptor of ours has taken it over, or nobody has to.
    return this.requests.has(response) ? null : this.arrived(InterceptedRequest, response, handler);
  }

  mark(response: object, state: MaybeTaken | undefined): void {
    if (state === undefined) this.requests.delete(response);
    else this.requests.set(response, state);
  }

  private arrived<T extends StreamRequest>(
    Request: new (...args: ConstructorParameters<typeof StreamRequest>) => T,
    response: object,
    handler: object,
  ): T | null | Promise<T | null> {
    const route = this.routeOf(handler);
    if (!route) return null;
    const turn = this.turnOf(response);
    if (!turn) return this.take(Request, response, route);
    const taken = turn.then(() => this.take(Request, response, route));
    // All who ask meanwhile wait for the same.
    this.requests.set(response, taken);
    return taken;
  }

  private take<T extends StreamRequest>(
    Request: new (...args: ConstructorParameters<typeof StreamRequest>) => T,
    response: object,
    route: StreamRoute,
  ): T {
    const request = new Request(this, this.registry, new PlatformReply(response, this.platform), route);
    this.requests.set(response, request);
    const refusal = this.admission.onArrival(request.connection);
    if (refusal) request.connection.end(refusal);
    else request.checkRights();
    return request;
  }

  /**
   * Waits until it is the turn of a request that its client has pipelined.
   *
   * @throws {ServiceUnavailableException} as `turnInPipeline()`
   */
  private turnOf(response: object): Promise<true> | undefined {
    // Fastify's reply has Node's response, Express' is one. Not asked of the response: to find that there is no `raw` takes long.
    const { contextKey } = this.platform;
    const raw = contextKey ? (response as { readonly raw: RawResponse }).raw : (response as RawResponse);
    try {
      return turnInPipeline(raw);
    } catch (error) {
      this.registry.observer.refused(new PlatformReply(response, this.platform).route, 'too_many_waiting');
      throw error;
    }
  }

  private routeOf(handler: object): StreamRoute | null {
    let route = this.routes.get(handler);
    if (route === undefined) this.routes.set(handler, (route = this.makeRoute(handler)));
    return route;
  }

  private makeRoute(handler: object): StreamRoute | null {
    const own = Reflect.getMetadata(SSE_ROUTE_METADATA, handler) as SseRouteOptions | undefined;
    if (!own || Reflect.hasMetadata(NEST_METADATA.redirect, handler)) return null;
    const options = resolveStreamOptions(this.options, own);
    const report = (error: unknown) => this.registry.observer.failed(error);
    const rights = new RouteRights(options.rights, this.reauthorizerOf(options.rights));
    return { options, report, end: streamEnd(options, report), admission: this.admission, rights };
  }

  /** One for all routes that have their options from the module: a user is asked for once. */
  private reauthorizerOf({ reauthorize }: RightsOptions): Reauthorizer | undefined {
    if (!reauthorize) return undefined;
    let reauthorizer = this.reauthorizers.get(reauthorize);
    if (!reauthorizer) {
      reauthorizer = new Reauthorizer(reauthorize, (error) => this.registry.observer.failed(error));
      this.reauthorizers.set(reauthorize, reauthorizer);
    }
    return reauthorizer;
  }
}
