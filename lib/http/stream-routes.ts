import { ARRIVED, GUARDED, type Admission } from '../admission/admission.js';
import { closeReason } from '../connection/close-reason.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import { Connection } from '../connection/connection.js';
import type { ArrivalAcceptor } from './arrival.guard.js';
import { InterceptedRequest } from './intercepted-request.js';
import { NEST_METADATA } from './internals.js';
import { isGone, watchClose, type RawResponse } from './node-messages.js';
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
export class StreamRoutes implements ArrivalAcceptor, InterceptedRequestAcceptor, RequestMarks {
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

  /** Whether an admission wants to be asked before guards. */
  get asksFirst(): boolean {
    return this.admission.asksFirst;
  }

  arrive(response: object, handler: object): boolean | Promise<boolean> {
    if (!this.asksFirst) return true;
    const arrived = this.requests.get(response) ?? this.arrived(response, handler);
    return arrived instanceof Promise ? arrived.then(goesOn) : goesOn(arrived);
  }

  requestOf(response: object, handler: object): MaybeTaken | Promise<MaybeTaken> {
    const known = this.requests.get(response);
    const request = known === undefined ? this.arrived(response, handler) : known;
    return request instanceof Promise ? request.then(guarded) : guarded(request);
  }

  interceptedRequestOf(
    response: object,
    handler: object,
  ): InterceptedRequest | null | Promise<InterceptedRequest | null> {
    const request = this.requestOf(response, handler);
    return request instanceof Promise ? request.then((taken) => this.intercept(taken)) : this.intercept(request);
  }

  mark(response: object, state: MaybeTaken | undefined): void {
    if (state === undefined) this.requests.delete(response);
    else this.requests.set(response, state);
  }

  private arrived(response: object, handler: object): StreamRequest | null | Promise<StreamRequest | null> {
    const route = this.routeOf(handler);
    if (!route) return null;
    const turn = this.turnOf(response);
    if (!turn) return this.take(response, route);
    const taken = turn.then(() => this.take(response, route));
    // All who ask meanwhile wait for the same.
    this.requests.set(response, taken);
    return taken;
  }

  private take(response: object, route: StreamRoute): StreamRequest {
    const reply = new PlatformReply(response, this.platform);
    const { req, res } = reply;
    const connection = new Connection(this.registry, reply.request, reply.lastEventId, reply.route, route.options);
    const request = new StreamRequest(this, connection, reply, route);
    this.requests.set(response, request);
    watchClose(this.registry, res, connection);
    if (isGone(req, res)) connection.end(closeReason('client_left'));
    request.pass(ARRIVED);
    return request;
  }

  /** @returns the same request, if it is not intercepted already: from now on its interceptors decide */
  private intercept(taken: MaybeTaken): InterceptedRequest | null {
    if (!(taken instanceof StreamRequest) || taken instanceof InterceptedRequest) return null;
    const { connection, reply, route, stage } = taken;
    const request = new InterceptedRequest(this, connection, reply, route, stage);
    this.requests.set(reply.response, request);
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

/** Who is over was answered, or is gone: nothing may come after it, and it must cost no more. */
function goesOn(request: MaybeTaken): boolean | Promise<boolean> {
  if (!(request instanceof StreamRequest) || !request.isOver) return true;
  // What an admission has thrown goes to the filters. No other settles: as a middleware that does not call `next()`.
  void request.result();
  return new Promise(() => undefined);
}

function guarded(request: MaybeTaken): MaybeTaken {
  if (request instanceof StreamRequest) request.pass(GUARDED);
  return request;
}
