import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** A Nest application with one controller: what decorators do, by hand, because this is plain JavaScript. */
export async function openNest(platform, imports, handlers) {
  class Streams {}
  for (const [name, [decorator, handler]] of Object.entries(handlers)) {
    const descriptor = { value: handler, writable: true, configurable: true };
    Object.defineProperty(Streams.prototype, name, descriptor);
    Object.defineProperty(Streams.prototype, name, decorator(Streams.prototype, name, descriptor) ?? descriptor);
  }
  Controller()(Streams);

  class App {}
  Module({ imports, controllers: [Streams] })(App);

  const app = await NestFactory.create(App, await adapterOf(platform), { logger: false });
  await app.init();
  if (platform === 'fastify') await app.getHttpAdapter().getInstance().ready();
  return app;
}

async function adapterOf(platform) {
  if (platform === 'express') return new (await import('@nestjs/platform-express')).ExpressAdapter();
  return new (await import('@nestjs/platform-fastify')).FastifyAdapter();
}
