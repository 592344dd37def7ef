import {
  ClassSerializerInterceptor,
  GoneException,
  RequestTimeoutException,
  type CallHandler,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  catchError,
  concatMap,
  defer,
  delay,
  endWith,
  filter,
  finalize,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  retry,
  startWith,
  take,
  takeUntil,
  tap,
  throwError,
  timeout,
  timer,
  toArray,
  type OperatorFunction,
} from 'rxjs';
import type { Run } from './ledger.js';
import { finiteSources, type SourceName } from './sources.js';

/** One interceptor of the kinds that applications have, and what it is tried with. */
export interface InterceptorCase {
  /** Called once for each application. */
  readonly make: () => (
    run: Run,
    next: CallHandler,
    context: ExecutionContext,
  ) => Observable<unknown> | Promise<Observable<unknown>>;
  readonly sources?: readonly SourceName[];
  /** How often a client asks. */
  readonly visits?: number;
  /** What the interceptor tells last, if anything: waited for. */
  readonly lastFact?: string;
}

const operator = (make: () => OperatorFunction<unknown, unknown>): InterceptorCase => ({
  make:
    () =>
    (_, next): Observable<unknown> =>
      next.handle().pipe(make()),
});
const withPending: readonly SourceName[] = [...finiteSources, 'pending'];

export const interceptors: Readonly<Record<string, InterceptorCase>> = {
  'none but one that passes': { make: () => (_, next) => next.handle() },
  serializer: {
    make() {
      const serializer = new ClassSerializerInterceptor(new Reflector());
      return (_, next, context) => serializer.intercept(context, next);
    },
  },
  logging: {
    lastFact: 'finalized',
    make:
      () =>
      ({ ledger, id }, next) =>
        next.handle().pipe(
          tap({
            next: (event) => ledger.tell(id, `next ${JSON.stringify(event)}`),
            error: (error: Error) => ledger.tell(id, `error ${error.message}`),
            complete: () => ledger.tell(id, 'complete'),
          }),
          finalize(() => ledger.tell(id, 'finalized')),
        ),
  },
  mapping: operator(() => map((event) => ({ type: 'mapped', data: event }))),
  'mapping later': operator(() => concatMap((event) => timer(0).pipe(map(() => event)))),
  doubling: operator(() => mergeMap((event) => [event, { data: 'again' }])),
  filtering: operator(() => filter((_, index) => index % 2 === 0)),
  'a transform envelope': operator(() => map((data) => ({ data }))),
  'a transform that fails': operator(() =>
    map(() => {
      throw new GoneException('not any more');
    }),
  ),
  'a timeout that is kept': operator(() => timeout(60_000)),
  'a timeout that is not': {
    sources: ['pending'],
    make: () => (_, next) =>
      next.handle().pipe(
        timeout(20),
        catchError(() => throwError(() => new RequestTimeoutException())),
      ),
  },
  'a timeout with an answer': {
    sources: ['pending'],
    make: () => (_, next) => next.handle().pipe(timeout({ first: 20, with: () => of({ data: 'too late' }) })),
  },
  retry: operator(() => retry(2)),
  catchError: operator(() => catchError((error: Error) => of({ type: 'sorry', data: error.message }))),
  'another error': operator(() => catchError(() => throwError(() => new GoneException('gone')))),
  cache: {
    visits: 2,
    make() {
      const cached = new Map<string, unknown>();
      return (_, next, context) => {
        const { url } = context.switchToHttp().getRequest<{ url: string }>();
        if (cached.has(url)) return of(cached.get(url));
        return next.handle().pipe(tap((value) => cached.set(url, value)));
      };
    },
  },
  startWith: operator(() => startWith({ data: 'first' })),
  endWith: operator(() => endWith({ data: 'last' })),
  take: operator(() => take(1)),
  'instead of the handler': { sources: withPending, make: () => () => of({ data: 'from the interceptor' }) },
  'all in one': operator(
    () => (events) =>
      events.pipe(
        toArray(),
        map((data) => ({ data })),
      ),
  ),
  'a heartbeat meanwhile': {
    sources: ['pending'],
    make: () => (_, next) =>
      merge(timer(0, 1).pipe(map((n) => ({ type: 'beat', data: { n } }))), next.handle()).pipe(take(3)),
  },
  'a heartbeat before': {
    sources: ['sync', 'async handler'],
    make: () => (_, next) => merge(of({ type: 'beat', data: '' }), defer(() => next.handle()).pipe(delay(5))),
  },
  'gives up': {
    sources: ['pending'],
    make: () => (_, next) => next.handle().pipe(takeUntil(timer(10))),
  },
  throws: {
    sources: withPending,
    make: () => () => {
      throw new GoneException('gone');
    },
  },
  rejects: { sources: withPending, make: () => () => Promise.reject(new GoneException('gone')) },
  async: {
    make: () => async (_, next) => {
      await new Promise(setImmediate);
      return next.handle();
    },
  },
  'a header': {
    make: () => (_, next, context) => {
      const response = context.switchToHttp().getResponse<{ header: (name: string, value: string) => void }>();
      response.header('x-intercepted', 'yes');
      return next.handle();
    },
  },
};
