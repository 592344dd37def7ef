import {
  Inject,
  Injectable,
  Logger,
  Optional,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Observable } from 'rxjs';
import { ConnectionHub } from '../connection/connection-hub.js';
import { readLastEventId } from '../protocol/last-event-id.js';
import { SseError } from '../protocol/sse-error.js';
import { Exchange } from './exchange.js';
import { headerOf } from './raw-exchange.js';
import { resolveStreamOptions, type SseRouteOptions, type StreamOptions } from './route-options.js';
import { StreamRequest, type StreamRoute } from './stream-request.js';

/** Where the options of a route are kept, on its handler. */
export const SSE_ROUTE_METADATA = Symbol.for('nestjs-event-stream.route');

/** The options of the module, resolved. */
export const STREAM_OPTIONS = Symbol('nestjs-event-stream: stream options');

/** Nest's names of its own metadata, which Nest 11 and 12 export from different places. */
const INTERCEPTORS_METADATA = '__interceptors__';
const REDIRECT_METADATA = '__redirect__';

/**
 * Turns what a handler returns into an event stream. `@Sse()` applies it; there is no need to.
 *
 * What it hands to the interceptors above emits once and completes when the headers are committed, not when the stream
 * ends, so that a `timeout()` or a mapping up there does no harm to the stream.
 *
 * @publicApi
 */
@Injectable()
export class SseInterceptor implements NestInterceptor {
  private readonly logger = new Logger('SseModule');
  private readonly routes = new WeakMap<object, StreamRoute>();
  private readonly hub: ConnectionHub;
  private readonly options: StreamOptions;

  constructor(
    @Optional() @Inject(ConnectionHub) hub: ConnectionHub | undefined,
    @Optional() @Inject(STREAM_OPTIONS) options: StreamOptions | undefined,
  ) {
    if (!hub || !options) {
      throw new SseError('SSE_NOT_CONFIGURED', '@Sse() needs SseModule.forRoot() in the imports of a module.');
    }
    this.hub = hub;
    this.options = options;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const route = this.routeOf(context.getHandler());
    if (route.isRedirect) return next.handle();
    const http = context.switchToHttp();
    const request = http.getRequest<{ query?: unknown }>();
    const response = http.getResponse<object>();
    // Now, not when subscribed to: it keeps the async context of whoever is above, e.g. `storage.run(store, next.handle)`.
    const handled = next.handle();
    return new Observable((subscriber) => {
      const exchange = new Exchange(request, response);
      if (this.hub.isDraining) {
        exchange.turnAway(this.hub.comeBack(), this.options);
        subscriber.next(undefined);
        subscriber.complete();
        return;
      }
      const { req } = exchange;
      const lastEventId = readLastEventId(
        { 'last-event-id': headerOf(req, 'last-event-id') },
        // On Express `query` parses the URL each time.
        req.url?.includes('?') ? request.query : undefined,
      );
      new StreamRequest(this.hub, exchange, route, subscriber, request, lastEventId).run(response, handled);
    });
  }

  private routeOf(handler: object): StreamRoute {
    let route = this.routes.get(handler);
    if (!route) {
      const options = (Reflect.getMetadata(SSE_ROUTE_METADATA, handler) ?? {}) as SseRouteOptions;
      const interceptors = (Reflect.getMetadata(INTERCEPTORS_METADATA, handler) ?? []) as unknown[];
      route = {
        options: resolveStreamOptions(this.options, options),
        isRedirect: Reflect.hasMetadata(REDIRECT_METADATA, handler),
        isInnermost: interceptors.at(-1) === SseInterceptor,
        report: (error) => this.logger.error(error),
      };
      this.routes.set(handler, route);
    }
    return route;
  }
}
