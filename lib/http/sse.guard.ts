import { Inject, Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { SseError } from '../protocol/sse-error.js';
import { expectCall } from './handler-call.js';
import { StreamRoutes } from './stream-routes.js';

/**
 * Lets everybody in. It leaves word for the handler of which application it is, which a method cannot be injected with:
 * so that a stream need not go through Nest's rxjs chain, a third of what a request costs there.
 *
 * @internal
 */
@Injectable()
export class SseGuard implements CanActivate {
  private readonly routes: StreamRoutes;

  constructor(@Optional() @Inject(StreamRoutes) routes: StreamRoutes | undefined) {
    this.routes = configured(routes);
  }

  canActivate(context: ExecutionContext): boolean {
    const { isRedirect } = this.routes.routeOf(context.getHandler());
    expectCall(context.switchToHttp().getResponse<object>(), isRedirect ? null : this.routes);
    return true;
  }
}

/** @throws {SseError} `SSE_NOT_CONFIGURED`, when the application starts */
export function configured(routes: StreamRoutes | undefined): StreamRoutes {
  if (routes) return routes;
  throw new SseError('SSE_NOT_CONFIGURED', '@Sse() needs SseModule.forRoot() in the imports of a module.');
}
