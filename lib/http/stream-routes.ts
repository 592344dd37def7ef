import { Logger } from '@nestjs/common';
import { closeReason } from '../connection/close-reason.js';
import type { ConnectionHub } from '../connection/connection-hub.js';
import type { Arrivals } from './handler-call.js';
import { Exchange } from './exchange.js';
import { Outcome, type Waiter } from './outcome.js';
import { resolveStreamOptions, type SseRouteOptions, type StreamOptions } from './route-options.js';
import { StreamRequest, type StreamRoute } from './stream-request.js';

/** Where the options of a route are kept, on its handler. */
export const SSE_ROUTE_METADATA = Symbol.for('nestjs-event-stream.route');

/** Nest's name of its own metadata, which Nest 11 and 12 export from different places. */
const REDIRECT_METADATA = '__redirect__';

/**
 * The `@Sse()` routes of one application. It takes their requests over.
 *
 * @internal
 */
export class StreamRoutes implements Arrivals {
  private readonly routes = new WeakMap<object, StreamRoute>();
  private readonly logger = new Logger('SseModule');

  constructor(
    private readonly hub: ConnectionHub,
    private readonly options: StreamOptions,
  ) {}

  arrive(handler: object, response: object): StreamRequest {
    return this.take(handler, response, new Outcome());
  }

  /** Takes a request over from the platform: from here on it has a connection. */
  take(handler: object, response: object, waiter: Waiter): StreamRequest {
    const request = new StreamRequest(this, this.hub, new Exchange(response), this.routeOf(handler), waiter);
    // New arrivals are told to come back.
    if (this.hub.isDraining) request.connection.end(closeReason('server_closing'));
    return request;
  }

  routeOf(handler: object): StreamRoute {
    let route = this.routes.get(handler);
    if (!route) {
      const options = (Reflect.getMetadata(SSE_ROUTE_METADATA, handler) ?? {}) as SseRouteOptions;
      route = {
        options: resolveStreamOptions(this.options, options),
        isRedirect: Reflect.hasMetadata(REDIRECT_METADATA, handler),
        report: (error) => this.logger.error(error),
      };
      this.routes.set(handler, route);
    }
    return route;
  }
}
