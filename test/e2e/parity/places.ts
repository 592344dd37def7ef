import {
  Controller,
  Injectable,
  Req,
  Scope,
  SerializeOptions,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type ModuleMetadata,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import type { Socket } from 'node:net';
import { APP_INTERCEPTOR } from '@nestjs/core';
import type { INestApplication } from '@nestjs/common';
import type { Platform } from '../../support/platforms.js';
import { interceptors, type InterceptorCase } from './interceptors.js';
import { runHeader, type Ledger, type Run } from './ledger.js';
import { finiteSources, sources, type SourceName } from './sources.js';

interface RequestLike {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly socket: Socket;
}

/** `@Sse()`, Nest's own or ours: the only thing that differs between two applications. */
export type SseDecorator = (path: string) => MethodDecorator;

declare const isShort: boolean;

/** Where an interceptor may stand. */
export const places = [
  'useGlobalInterceptors',
  'APP_INTERCEPTOR',
  'a request-scoped APP_INTERCEPTOR',
  'the controller',
  'the method, above',
  'the method, below',
] as const;
export type Place = (typeof places)[number];

/** Where interceptors are tried on a platform. `npm test` takes one place of each: for all routes, or for a single one. */
export function placesOn({ name }: Platform): readonly Place[] {
  if (!isShort) return places;
  return [name === 'express' ? 'APP_INTERCEPTOR' : 'the method, above'];
}

export interface Built {
  readonly metadata: ModuleMetadata;
  readonly configure: (app: INestApplication) => unknown;
}

export const sourcesOf = ({ sources: own }: InterceptorCase): readonly SourceName[] => own ?? finiteSources;

/** What handlers do, by name. */
export type Handlers = Readonly<Record<string, (run: Run) => unknown>>;

/** The path of each case is `/<interceptor>/<source>`, by their numbers. */
export const pathOf = (interceptor: string, source: string, handlers: Handlers = sources): string =>
  `/${Object.keys(interceptors).indexOf(interceptor)}/${Object.keys(handlers).indexOf(source)}`;

/** All interceptors at one place over all handlers, in one application. */
export function build(sse: SseDecorator, place: Place, ledger: Ledger, handlers: Handlers = sources): Built {
  const made = Object.values(interceptors).map((one) => toNest(one, ledger));
  const isGlobal = place.endsWith('INTERCEPTOR') || place === 'useGlobalInterceptors';
  const controllers = made.map((one, index) =>
    controllerOf(sse, String(index), ledger, isGlobal ? undefined : one, place, handlers),
  );
  // One global interceptor for all: each request has its own by its path.
  const byPath: NestInterceptor = {
    intercept: (context, next) => made[Number(requestOf(context).url.split('/')[1])]!.intercept(context, next),
  };
  @Injectable({ scope: Scope.REQUEST })
  class RequestScoped implements NestInterceptor {
    intercept(context: ExecutionContext, next: CallHandler) {
      return byPath.intercept(context, next);
    }
  }
  const provider =
    place === 'APP_INTERCEPTOR'
      ? { provide: APP_INTERCEPTOR, useValue: byPath }
      : place === 'a request-scoped APP_INTERCEPTOR'
        ? { provide: APP_INTERCEPTOR, useClass: RequestScoped, scope: Scope.REQUEST }
        : undefined;
  return {
    metadata: { controllers, providers: provider ? [provider] : [] },
    configure: (app) => place === 'useGlobalInterceptors' && app.useGlobalInterceptors(byPath),
  };
}

function toNest(one: InterceptorCase, ledger: Ledger): NestInterceptor {
  const intercept = one.make();
  return { intercept: (context, next) => intercept(runOf(requestOf(context), ledger), next, context) };
}

function controllerOf(
  sse: SseDecorator,
  path: string,
  ledger: Ledger,
  interceptor: NestInterceptor | undefined,
  place: Place,
  handlers: Handlers,
): Type {
  class Sources {}
  const use = interceptor ? [UseInterceptors(interceptor)] : [];
  Object.entries(handlers).forEach(([name, source], index) => {
    const descriptor = {
      value: (request: RequestLike): unknown => source(runOf(request, ledger)),
      writable: true,
      configurable: true,
    };
    Req()(Sources.prototype, name, 0);
    const decorators: MethodDecorator[] = [
      ...(place === 'the method, above' ? use : []),
      sse(String(index)),
      ...(place === 'the method, below' ? use : []),
      SerializeOptions({ groups: ['admin'] }),
    ];
    Object.defineProperty(Sources.prototype, name, Reflect.decorate(decorators, Sources.prototype, name, descriptor));
  });
  return Reflect.decorate(
    [Controller(path), ...(place === 'the controller' ? use : [])] as ClassDecorator[],
    Sources,
  ) as Type;
}

const requestOf = (context: ExecutionContext): RequestLike => context.switchToHttp().getRequest<RequestLike>();

function runOf({ headers, socket }: RequestLike, ledger: Ledger): Run {
  return {
    id: headers[runHeader] ?? '',
    ledger,
    // Each request of these specs has a socket of its own.
    async headersLeft() {
      while (socket.bytesWritten === 0 && !socket.destroyed) await new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
}
