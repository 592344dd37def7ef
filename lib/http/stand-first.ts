import type { CanActivate, NestInterceptor } from '@nestjs/common';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { ArrivalGuard, isArrivalGuard } from './arrival.guard.js';
import { NEST_METADATA } from './internals.js';
import { StreamInterceptor, isStreamInterceptor } from './stream.interceptor.js';
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
  const ours: First<NestInterceptor> = {
    one: new StreamInterceptor(),
    isOne: isStreamInterceptor,
    key: NEST_METADATA.interceptors,
    isNeededAlone: false,
  };
  standFirst(ours, config.getGlobalInterceptors(), config.getGlobalRequestInterceptors().length > 0, modules);
}

/**
 * Makes ours the first guard of each stream's route, before the global ones. Only where an admission asks first.
 *
 * @internal
 */
export function addArrivalGuard(config: ApplicationConfig, modules: ModulesContainer): void {
  const ours: First<CanActivate> = {
    one: new ArrivalGuard(),
    isOne: isArrivalGuard,
    key: NEST_METADATA.guards,
    isNeededAlone: true,
  };
  standFirst(ours, config.getGlobalGuards(), config.getGlobalRequestGuards().length > 0, modules);
}

interface First<T> {
  readonly one: T;
  readonly isOne: (other: unknown) => boolean;
  /** Of the metadata where Nest keeps them. */
  readonly key: string;
  /** Whether routes get it that have none of the kind. */
  readonly isNeededAlone: boolean;
}

function standFirst<T>(first: First<T>, globals: T[], hasRequestScoped: boolean, modules: ModulesContainer): void {
  if (globals.length > 0 || hasRequestScoped) {
    // The list itself is Nest's, and of this application alone. Request-scoped ones come after all that are in it.
    if (!globals.some(first.isOne)) globals.unshift(first.one);
    return;
  }
  for (const { controllers } of modules.values()) {
    for (const { metatype } of controllers.values()) if (metatype) standInController(first, metatype as Controller);
  }
}

type Controller = abstract new (...args: never[]) => object;

function standInController<T>(first: First<T>, controller: Controller): void {
  const streams = handlersOf(controller).filter((handler) => Reflect.hasMetadata(SSE_ROUTE_METADATA, handler));
  if (streams.length === 0 || putFirst(first, controller, false)) return;
  for (const handler of streams) putFirst(first, handler, first.isNeededAlone);
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

/** @returns whether there is ours now */
function putFirst<T>({ one, isOne, key }: First<T>, target: object, evenAlone: boolean): boolean {
  const others = (Reflect.getMetadata(key, target) ?? []) as unknown[];
  if (others.length === 0 && !evenAlone) return false;
  // Metadata is shared by all applications of a process: an earlier one may have done it.
  if (!isOne(others[0])) Reflect.defineMetadata(key, [one, ...others], target);
  return true;
}
