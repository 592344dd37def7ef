import { HttpCode, RequestMethod, Res, UseGuards, applyDecorators, RequestMapping } from '@nestjs/common';
import { callHandler } from './handler-call.js';
import { resolveStreamOptions, STREAM_DEFAULTS, type SseRouteOptions } from './route-options.js';
import { SseGuard } from './sse.guard.js';
import { SseInterceptor } from './sse.interceptor.js';
import { SSE_ROUTE_METADATA } from './stream-routes.js';

/** Nest's names of its own metadata, which Nest 11 and 12 export from different places. */
const HTTP_CODE_METADATA = '__httpCode__';
const ROUTE_ARGS_METADATA = '__routeArguments__';
const INTERCEPTORS_METADATA = '__interceptors__';

type Handler = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Marks a controller method as a stream of Server-Sent Events.
 *
 * The same call as `@Sse()` of `@nestjs/common`; only the import differs. What the method returns, or promises, is the
 * source: an Observable, any sync or async iterable, a Node or web stream, an `SseStream`, an `SseQueue`, an
 * `SseResponse`, a subscription of the broadcaster, or `null` for 204, which tells an `EventSource` not to come back.
 *
 * @param path as in `@Get()` @default '/'
 * @param options what differs from the module's options for this route, and `method`, `commit` and `done`
 * @example
 * @Sse('clock')
 * clock() { return interval(1000).pipe(map((n) => ({ type: 'tick', data: { n } }))); }
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 * @publicApi
 */
export function Sse(path: string | string[] = '/', options: SseRouteOptions = {}): MethodDecorator {
  const { method = RequestMethod.GET } = options;
  // What is wrong is told at start-up, with the line of the decorator in its stack, not with the first request.
  resolveStreamOptions(STREAM_DEFAULTS, options);
  return (target, key, descriptor: PropertyDescriptor) => {
    const index = argumentCount(target, key);
    // Passthrough: Nest still answers what is not a stream (`SseResponse.json`), after all interceptors have seen it.
    Res({ passthrough: true })(target, key, index);
    descriptor.value = wrap(descriptor.value as Handler, index);
    const handler = descriptor.value as object;
    Reflect.defineMetadata(SSE_ROUTE_METADATA, options, handler);
    // An event stream that answers 201, Nest's default for POST, is one that a browser refuses.
    if (!Reflect.hasMetadata(HTTP_CODE_METADATA, handler)) HttpCode(200)(target, key, descriptor);
    Reflect.defineMetadata(INTERCEPTORS_METADATA, Interceptors.startingWith(handler), handler);
    applyDecorators(RequestMapping({ path, method }), UseGuards(SseGuard))(target, key, descriptor);
    return descriptor;
  };
}

/**
 * The interceptors of a handler, as Nest keeps them. `UseInterceptors()` makes a new list of the old one and its own, and
 * in that one ours comes before its own: somebody is below it. Alone it would cost each request a third, for nothing. Nest
 * walks the list too, so that behind others of the method, all above, ours is applied for nothing: that chain is paid for.
 */
class Interceptors extends Array<unknown> {
  static startingWith(handler: object): Interceptors {
    const above = (Reflect.getMetadata(INTERCEPTORS_METADATA, handler) ?? []) as unknown[];
    return Object.assign(new Interceptors(), above);
  }

  override *[Symbol.iterator](): ArrayIterator<unknown> {
    for (let i = 0; i < this.length; i++) yield this[i];
    yield SseInterceptor;
  }
}

/** Arguments that are taken: declared parameters, and those that decorators of a base class' method speak of. */
function argumentCount(target: object, key: string | symbol): number {
  const declared = (Reflect.getMetadata('design:paramtypes', target, key) as unknown[] | undefined)?.length ?? 0;
  const decorated = Reflect.getMetadata(ROUTE_ARGS_METADATA, target.constructor, key) as
    Record<string, { index: number }> | undefined;
  const indexes = Object.values(decorated ?? {}).map(({ index }) => index + 1);
  const { length } = (target as Record<string | symbol, { length?: number }>)[key] ?? {};
  return Math.max(declared, length ?? 0, ...indexes);
}

function wrap(handler: Handler, responseIndex: number): Handler {
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    const response = args[responseIndex];
    return callHandler(response, wrapped, () => handler.apply(this, args.slice(0, responseIndex)));
  };
  Object.defineProperty(wrapped, 'name', { value: handler.name, configurable: true });
  for (const metadataKey of Reflect.getOwnMetadataKeys(handler)) {
    Reflect.defineMetadata(metadataKey, Reflect.getOwnMetadata(metadataKey, handler), wrapped);
  }
  return wrapped;
}
