import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Observable, OperatorFunction } from 'rxjs';

/** An interceptor that is one rxjs operator. */
export function intercept(operator: OperatorFunction<unknown, unknown>): NestInterceptor {
  return { intercept: (_: ExecutionContext, next: CallHandler): Observable<unknown> => next.handle().pipe(operator) };
}
