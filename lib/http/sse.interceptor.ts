import {
  Inject,
  Injectable,
  Optional,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Observable } from 'rxjs';
import { isExpectedBy } from './handler-call.js';
import { configured } from './sse.guard.js';
import { StreamRoutes } from './stream-routes.js';

/**
 * Lets the interceptors below it map each event of a stream, as with Nest's own `@Sse()`. `@Sse()` applies it for those
 * of its own method; apply it above an interceptor of a controller for the same there.
 *
 * What it hands to the interceptors above emits once and completes when the headers are committed, not when the stream
 * ends, so that a `timeout()` or a mapping up there does no harm to the stream.
 *
 * @publicApi
 */
@Injectable()
export class SseInterceptor implements NestInterceptor {
  private readonly routes: StreamRoutes;

  constructor(@Optional() @Inject(StreamRoutes) routes: StreamRoutes | undefined) {
    this.routes = configured(routes);
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const response = context.switchToHttp().getResponse<object>();
    // No stream, or another of us stands above: then it lets all below it map.
    if (!isExpectedBy(this.routes, response)) return next.handle();
    // Now, not when subscribed to: it keeps the async context of whoever is above, e.g. `storage.run(store, next.handle)`.
    const handled = next.handle();
    return new Observable((subscriber) =>
      this.routes.take(context.getHandler(), response, subscriber).follow(handled, subscriber),
    );
  }
}
