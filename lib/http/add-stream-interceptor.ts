import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { StreamInterceptor, isStreamInterceptor } from './stream.interceptor.js';
import { NEST_METADATA } from './internals.js';
import { SSE_ROUTE_METADATA } from './stream-routes.js';

/**
 * Makes ours the outermost interceptor of each stream's route that has interceptors. Routes without any get none: a chain
 * costs a third of a request.
 *
 * To be called from a module's `configure()`: then all interceptors are known, and no route has been built yet.
 *
 * @internal
 */
export function addStreamInterceptor(config: ApplicationConfig, modules: ModulesContainer): void {
  const chain = new StreamInterceptor();
  const globals = config.getGlobalInterceptors();
  if (globals.length + config.getGlobalRequestInterceptors().length > 0) {
    // The list itself is Nest's, and of this application alone. Request-scoped ones come after all that are in it.
    if (!globals.some(isStreamInterceptor)) globals.unshift(chain);
    return;
  }
  for (const { controllers } of modules.values()) {
    for (const { metatype } of controllers.values()) if (metatype) chainController(metatype as Controller, chain);
  }
}

type Controller = abstract new (...args: never[]) => object;

function chainController(controller: Controller, chain: StreamInterceptor): void {
  const streams = handlersOf(controller).filter((handler) => Reflect.hasMetadata(SSE_ROUTE_METADATA, handler));
  if (streams.length === 0 || putFirst(controller, chain)) return;
  for (const handler of streams) putFirst(handler, chain);
}

/** The methods of a class and of those that it extends. */
function handlersOf(controller: Controller): object[] {
  const handlers: object[] = [];
  for (
    let prototype = controller.prototype as object | null;
    prototype && prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype) as object | null
  ) {
    for (const { value } of Object.values(Object.getOwnPropertyDescriptors(prototype))) {
      if (typeof value === 'function') handlers.push(value as object);
    }
  }
  return handlers;
}

/** @returns whether there are interceptors, and now one more */
function putFirst(target: object, chain: StreamInterceptor): boolean {
  const interceptors = (Reflect.getMetadata(NEST_METADATA.interceptors, target) ?? []) as unknown[];
  if (interceptors.length === 0) return false;
  // Metadata is shared by all applications of a process: an earlier one may have done it.
  if (!isStreamInterceptor(interceptors[0])) {
    Reflect.defineMetadata(NEST_METADATA.interceptors, [chain, ...interceptors], target);
  }
  return true;
}
