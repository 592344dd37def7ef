import 'reflect-metadata';
import { Controller, Param, type DynamicModule, type Type } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { of } from 'rxjs';
import { Sse, SseBroadcaster, SseEvent, SseModule, SseResponse } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

/** As much of `@nestjs/cache-manager` as is used here; each major of Nest has its own. */
interface CacheManager {
  readonly CacheModule: { register(): DynamicModule };
  readonly CacheInterceptor: Type;
}

const sources: Record<string, () => unknown> = {
  observable: () => of('a', { type: 'b', data: { b: true } }),
  event: () => [new SseEvent({ b: true }, { type: 'b', id: '1' })],
  *generator() {
    yield 'a';
    yield { type: 'b', data: { b: true } };
  },
};

@Controller()
class CachedController {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('source/:name') source(@Param('name') name: string) {
    return sources[name]!() as never;
  }

  @Sse('channel') channel() {
    return this.broadcaster.subscribe('news');
  }

  @Sse('nothing') nothing() {
    return null;
  }

  @Sse('json') json() {
    return SseResponse.json({ json: true });
  }
}

describe.each(platforms)('a global CacheInterceptor, on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    const name: string = '@nestjs/cache-manager';
    const { CacheModule, CacheInterceptor } = (await import(name)) as CacheManager;
    running = await start(platform, {
      imports: [SseModule.forRoot(), CacheModule.register()],
      controllers: [CachedController],
      providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }],
    });
  });
  afterAll(() => running.app.close());

  it.each(Object.keys(sources))('never makes a stream fail; it gives the last event again: %s', async (name) => {
    for (let visit = 0; visit < 3; visit++) {
      const client = await open(running, `/source/${name}`);
      const events = await client.rest();
      expect([client.status, client.headers['content-type']]).toEqual([200, 'text/event-stream']);
      expect(events.at(-1)).toMatchObject({ event: 'b', data: '{"b":true}' });
    }
  });

  it('leaves channels, 204 and JSON as they are', async () => {
    for (let visit = 0; visit < 3; visit++) {
      const client = await open(running, '/channel');
      await client.until(({ text }) => text.includes('id: '));
      await running.app.get(SseBroadcaster).publish('news', `news ${visit}`);
      expect(await client.event()).toMatchObject({ data: `news ${visit}` });
      client.leave();
      await request(running).get('/nothing').expect(204);
      await request(running).get('/json').expect(200, { json: true });
    }
  });
});
