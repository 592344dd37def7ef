import { type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { AddressInfo, Server } from 'node:net';

/** A way to serve a Nest application; every e2e runs on each. */
export interface Platform {
  readonly name: string;
  readonly http2: boolean;
  readonly adapter: () => ExpressAdapter | FastifyAdapter;
}

export const platforms: readonly Platform[] = [
  { name: 'express', http2: false, adapter: () => new ExpressAdapter() },
  { name: 'fastify', http2: false, adapter: () => new FastifyAdapter() },
  { name: 'fastify over HTTP/2', http2: true, adapter: () => new FastifyAdapter({ http2: true } as never) },
];

/** A started application. */
export interface Running {
  readonly app: INestApplication;
  /** e.g. `http://127.0.0.1:40123` */
  readonly url: string;
  readonly http2: boolean;
}

/** Starts an application on a free port, of the loopback unless told otherwise. The caller closes `app`. */
export async function start(
  platform: Platform,
  metadata: ModuleMetadata,
  configure?: (app: INestApplication) => unknown,
  host = '127.0.0.1',
): Promise<Running> {
  const module = await Test.createTestingModule(metadata).compile();
  const app = module.createNestApplication(platform.adapter() as never, { logger: false });
  await configure?.(app);
  await app.listen(0, host);
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return { app, url: `http://${host}:${port}`, http2: platform.http2 };
}
