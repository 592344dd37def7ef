import 'reflect-metadata';
import { Controller, Headers, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** Of the first parameter of a handler: what the client says that it had last. */
export const lastEventIdOf = Headers('last-event-id');

/**
 * A Nest application with one controller: what decorators do, by hand, because this is plain JavaScript.
 *
 * @param handlers by name: the decorator, the function, and a decorator of its first parameter if it has one
 * @param isIntercepted whether the application has a global interceptor, which lets everything pass
 */
export async function openNest({ platform, isIntercepted }, imports, handlers) {
  class Streams {}
  for (const [name, [decorator, handler, parameter]] of Object.entries(handlers)) {
    const descriptor = { value: handler, writable: true, configurable: true };
    Object.defineProperty(Streams.prototype, name, descriptor);
    parameter?.(Streams.prototype, name, 0);
    Object.defineProperty(Streams.prototype, name, decorator(Streams.prototype, name, descriptor) ?? descriptor);
  }
  Controller()(Streams);

  class App {}
  Module({ imports, controllers: [Streams] })(App);

  const app = await NestFactory.create(App, await adapterOf(platform), { logger: false });
  if (isIntercepted) app.useGlobalInterceptors({ intercept: (context, next) => next.handle() });
  await app.init();
  if (platform === 'fastify') await app.getHttpAdapter().getInstance().ready();
  return app;
}

async function adapterOf(platform) {
  if (platform === 'express') return new (await import('@nestjs/platform-express')).ExpressAdapter();
  return new (await import('@nestjs/platform-fastify')).FastifyAdapter();
}
