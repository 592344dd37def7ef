import { HttpCode, RequestMethod, Res, UseFilters, applyDecorators, RequestMapping } from '@nestjs/common';
import { NEST_METADATA, parametersOf } from './internals.js';
import { requestOf, type MaybeTaken } from './request-state.js';
import type { SseDecorator } from './sse-handler-answer.js';
import { knownOptions } from '../protocol/check-option.js';
import { resolveStreamOptions, ROUTE_OPTION_NAMES, STREAM_DEFAULTS, type SseRouteOptions } from './route-options.js';
import { SetupCheckFilter } from './setup-check.filter.js';
import { SSE_ROUTE_METADATA } from './stream-routes.js';

type Handler = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Marks a controller method as a stream of Server-Sent Events.
 *
 * The call is the same as that of `@Sse()` of `@nestjs/common`; only the import differs. The method returns, or promises, the
 * source: an Observable, any sync or async iterable, a Node or web stream, an `SseStream`, an `SseQueue`, an `SseResponse`,
 * a subscription of the broadcaster, or `null` for 204, which tells an `EventSource` not to come back.
 *
 * @param path as in `@Get()` @default '/'
 * @param options options of the module that differ for this route, and `method`, `commit` and `done`
 * @example
 * @Sse('clock')
 * clock() { return interval(1000).pipe(map((n) => ({ type: 'tick', data: { n } }))); }
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 * @publicApi
 */
export function Sse(path: string | string[] = '/', options: SseRouteOptions = {}): SseDecorator {
  // What is wrong is told at start-up, with the line of the decorator in its stack, not with the first request.
  const { method = RequestMethod.GET } = knownOptions('', options, ROUTE_OPTION_NAMES);
  resolveStreamOptions(STREAM_DEFAULTS, options);
  return (target, key, descriptor: PropertyDescriptor) => {
    const index = argumentCount(target, key);
    // Not passthrough, whatever the method itself says: all that is answered is answered by us.
    Res()(target, key, index);
    Reflect.defineMetadata(NEST_METADATA.passthrough, false, target.constructor, key);
    descriptor.value = wrap(descriptor.value as Handler, index);
    const handler = descriptor.value as object;
    Reflect.defineMetadata(SSE_ROUTE_METADATA, options, handler);
    // An event stream that answers 201, Nest's default for POST, is one that a browser refuses.
    if (!Reflect.hasMetadata(NEST_METADATA.httpCode, handler)) HttpCode(200)(target, key, descriptor);
    applyDecorators(RequestMapping({ path, method }), UseFilters(SetupCheckFilter))(target, key, descriptor);
    return descriptor;
  };
}

/** Arguments that are taken: declared parameters, and those that decorators of a base class' method speak of. */
function argumentCount(target: object, key: string | symbol): number {
  const declared = (Reflect.getMetadata('design:paramtypes', target, key) as unknown[] | undefined)?.length ?? 0;
  const decorated = parametersOf(Reflect.getMetadata(NEST_METADATA.routeArguments, target.constructor, key));
  const indexes = decorated.map(({ index }) => index + 1);
  const { length } = (target as Record<string | symbol, { length?: number }>)[key] ?? {};
  return Math.max(declared, length ?? 0, ...indexes);
}

function wrap(handler: Handler, responseIndex: number): Handler {
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    const response = args[responseIndex];
    const call = () => handler.apply(this, args.slice(0, responseIndex));
    // A unit test calls the method, and gets what it returns.
    if (typeof response !== 'object' || response === null) return call();
    const run = (request: MaybeTaken) => (request ? request.run(wrapped, call) : call());
    const request = requestOf(response, wrapped);
    return request instanceof Promise ? request.then(run) : run(request);
  };
  Object.defineProperty(wrapped, 'name', { value: handler.name, configurable: true });
  for (const metadataKey of Reflect.getOwnMetadataKeys(handler)) {
    Reflect.defineMetadata(metadataKey, Reflect.getOwnMetadata(metadataKey, handler), wrapped);
  }
  return wrapped;
}
