import 'reflect-metadata';
import { Body, Controller, RequestMethod, type CanActivate, type ModuleMetadata } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import express from 'express';
import { Sse, SseConnections, SseModule } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Platform } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';

const called = jest.fn();

class RefusingGuard implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Controller('private')
class PrivateController {
  @Sse('feed') feed() {
    called();
    return ['secret'];
  }

  @Sse('all', { method: RequestMethod.ALL }) all() {
    called();
    return ['secret'];
  }

  @Sse('search', { method: RequestMethod.QUERY }) search(@Body() body: { text: string }) {
    called();
    return [`found ${body.text}`];
  }
}

function expressWith(settings: Record<string, boolean>): ExpressAdapter {
  const application = express();
  for (const [name, value] of Object.entries(settings)) application.set(name, value);
  return new ExpressAdapter(application);
}

/** Every way to make a router find a route by a path that is not its own. */
const routers: Platform[] = [
  ...platforms,
  {
    name: 'express, strict and case sensitive',
    http2: false,
    adapter: () => expressWith({ 'strict routing': true, 'case sensitive routing': true }),
  },
  ...[
    { caseSensitive: false },
    { ignoreTrailingSlash: true },
    { ignoreDuplicateSlashes: true },
    { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, useSemicolonDelimiter: true },
  ].map((routerOptions) => ({
    name: `fastify, ${Object.keys(routerOptions).join(', ')}`,
    http2: false,
    adapter: () => new FastifyAdapter({ routerOptions } as never),
  })),
  {
    name: 'fastify without HEAD routes of its own',
    http2: false,
    adapter: () => new FastifyAdapter({ exposeHeadRoutes: false } as never),
  },
];

const paths = [
  '/private/feed',
  '/private/feed/',
  '/private/feed//',
  '//private/feed',
  '/private//feed',
  '/PRIVATE/FEED',
  '/Private/feed/',
  '/private/%66eed',
  '/private/feed;a=b',
  '/private/feed?x=/private/feed',
  '/./private/feed',
  '/x/../private/feed',
  '/private/feed%2f',
  '/private/feed%00',
  '/private\\feed',
  '/private/all',
  '//private/all/',
];
const methods = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'QUERY', 'SEARCH', 'PROPFIND'];

describe.each(routers)('what a guard refuses, on $name', (platform) => {
  const metadata: ModuleMetadata = {
    imports: [SseModule.forRoot()],
    controllers: [PrivateController],
    providers: [{ provide: APP_GUARD, useClass: RefusingGuard }],
  };

  it('is refused by every method and path that reaches it', async () => {
    called.mockClear();
    const running = await start(platform, metadata);
    try {
      const statuses = new Set<number>();
      const ask = async (method: string, path: string) => {
        if (running.http2) {
          const client = await open(running, path, { method });
          await client.rest();
          return { status: client.status, text: client.text, type: client.headers['content-type'] };
        }
        const client = await RawClient.open(running.url, get(path, { Connection: 'close' }, '1.1', method));
        const { status, headers, body } = await client.response(method);
        client.destroy();
        return { status, text: body.toString(), type: headers.get('content-type') };
      };
      for (const method of methods) {
        for (const path of paths) {
          const answer = await ask(method, path);
          statuses.add(answer.status);
          // 400 is Node's or the router's, before there is a route.
          expect([method, path, [400, 403, 404, 405].includes(answer.status) ? 'refused' : answer]).toEqual([
            method,
            path,
            'refused',
          ]);
          expect(answer.type ?? '').not.toContain('event-stream');
          expect(answer.text).not.toContain('secret');
        }
      }
      // Some of them did reach the route, or this would show nothing.
      expect([...statuses]).toEqual(expect.arrayContaining([403, 404]));
      expect(called).not.toHaveBeenCalled();
      expect(running.app.get(SseConnections).opened).toBe(0);
    } finally {
      await running.app.close();
    }
  });

  it('streams by the same paths when there is no guard, so it was the guard that refused', async () => {
    const running = await start(platform, { ...metadata, providers: [] });
    try {
      const client = await open(running, '/private/feed');
      expect((await client.rest()).map(({ data }) => data)).toEqual(['secret']);
    } finally {
      await running.app.close();
    }
  });

  it('streams the answer to a QUERY, with its body', async () => {
    const running = await start(platform, { ...metadata, providers: [] });
    try {
      // Over HTTP/2 Nest 11's Fastify takes a QUERY without a length for one without a body.
      const headers = { 'content-length': '13' };
      const client = await open(running, '/private/search', { method: 'QUERY', headers, body: { text: 'it' } });
      const data = (await client.rest()).map((event) => event.data);
      expect([client.status, data]).toEqual([200, ['found it']]);
      const other = await open(running, '/private/search');
      await other.rest();
      expect(other.status).toBe(404);
    } finally {
      await running.app.close();
    }
  });
});
