import { Catch, Inject, Injectable, Optional, type ExceptionFilter, type OnModuleInit } from '@nestjs/common';
import { SseError } from '../protocol/sse-error.js';
import { StreamRoutes } from './stream-routes.js';

/** Nobody throws it. */
class Never {}

/**
 * Says when the application starts that `SseModule` is missing, wherever there is an `@Sse()` method. What a decorator brings
 * to each module with a controller must be something that Nest runs, and a filter that catches nothing costs a request nothing.
 *
 * @internal
 */
@Injectable()
@Catch(Never)
export class SetupCheckFilter implements ExceptionFilter, OnModuleInit {
  constructor(@Optional() @Inject(StreamRoutes) private readonly routes: StreamRoutes | undefined) {}

  /** Not in the constructor: a unit test of a controller makes it, and never starts the application. */
  onModuleInit(): void {
    if (this.routes) return;
    throw new SseError(
      'SSE_NOT_CONFIGURED',
      '@Sse() needs SseModule.forRoot() in the imports of a module of this application.',
    );
  }

  catch(): void {}
}
