import {
  Inject,
  Injectable,
  Optional,
  type CanActivate,
  type ExecutionContext,
  type OnModuleInit,
} from '@nestjs/common';
import { SseError } from '../protocol/sse-error.js';
import { setRequestState } from './request-state.js';
import { StreamRoutes } from './stream-routes.js';

/**
 * Lets everybody in, one after the other where a client has pipelined its requests. It tells the handler
 * which application it is, which a method cannot be injected with: so that a stream need not go through Nest's rxjs chain.
 *
 * @internal
 */
@Injectable()
export class SseGuard implements CanActivate, OnModuleInit {
  constructor(@Optional() @Inject(StreamRoutes) private readonly routes: StreamRoutes | undefined) {}

  /** Not in the constructor: a unit test of a controller makes it, and never starts the application. */
  onModuleInit(): void {
    this.configured();
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const routes = this.configured();
    const { isRedirect } = routes.routeOf(context.getHandler());
    const response = context.getArgByIndex<object>(1);
    setRequestState(response, isRedirect ? null : routes);
    return routes.turnOf(response) ?? true;
  }

  private configured(): StreamRoutes {
    if (this.routes) return this.routes;
    throw new SseError(
      'SSE_NOT_CONFIGURED',
      '@Sse() needs SseModule.forRoot() in the imports of a module of this application.',
    );
  }
}
