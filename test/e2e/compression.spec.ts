import 'reflect-metadata';
import fastifyCompress from '@fastify/compress';
import { Controller, type INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import compression from 'compression';
import type { NextFunction, Request, Response } from 'express';
import { randomBytes } from 'node:crypto';
import { Sse, SseModule, SseResponse } from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

const facts = new Facts();

/** Compresses everything that it may, as small as it is. */
async function compress(app: INestApplication): Promise<void> {
  if (app.getHttpAdapter().getType() === 'express') app.use(compression({ threshold: 0 }));
  else await (app as NestFastifyApplication).register(fastifyCompress, { threshold: 0 });
}

@Controller()
class TicketController {
  @Sse('default') default() {
    return this.answered();
  }

  @Sse('transformable', { headers: { 'Cache-Control': 'no-cache' } }) transformable() {
    return this.answered();
  }

  /** Random, so that compression makes it no smaller: more than the buffers on the way hold. */
  @Sse('large', { headers: { 'Cache-Control': 'no-cache' } }) *large() {
    for (let n = 0; n < 400; n++) yield randomBytes(24_000).toString('base64');
  }

  @Sse('json') json() {
    return SseResponse.json({ text: 'hello' });
  }

  /** Yields an event only after the one before has arrived. */
  private async *answered() {
    for (let n = 1; n <= 3; n++) {
      yield n;
      await facts.until(`${n} arrived`);
    }
  }
}

describe.each(platforms)('compression on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [TicketController] }, compress);
  });
  beforeEach(() => facts.forget());
  afterAll(() => running.app.close());

  const headers = { 'accept-encoding': 'gzip' };

  const expectOneByOne = async (path: string) => {
    const client = await open(running, path, { headers });
    for (let n = 1; n <= 3; n++) {
      expect(await client.event()).toMatchObject({ data: String(n) });
      facts.tell(`${n} arrived`);
    }
    expect(await client.event()).toBeUndefined();
    return client.headers['content-encoding'];
  };

  it('is kept off by no-transform, which is the default', async () => {
    expect(await expectOneByOne('/default')).toBeUndefined();
  });

  it('holds no event back where it is allowed', async () => {
    // @fastify/compress has no way to flush, so its hook is not shown the stream.
    expect(await expectOneByOne('/transformable')).toBe(platform.name === 'express' ? 'gzip' : undefined);
  });

  it('still compresses SseResponse.json()', () =>
    request(running)
      .get('/json')
      .set('accept-encoding', 'gzip')
      .expect('content-encoding', 'gzip')
      .expect(200, { text: 'hello' }));
});

describe('compression() on express', () => {
  it('is listened to once, however often the client has no room', async () => {
    let listeners = 0;
    let drained = 0;
    // Behind compression(), so that it sees what compression() takes over for its own stream.
    const count = (_: Request, response: Response, next: NextFunction) => {
      const on = response.on.bind(response);
      response.on = ((type: string, listener: (...args: unknown[]) => void) => {
        if (type !== 'drain') return on(type, listener);
        listeners++;
        return on(type, () => {
          drained++;
          listener();
        });
      }) as Response['on'];
      next();
    };
    const running = await start(
      platforms.find(({ name }) => name === 'express')!,
      { imports: [SseModule.forRoot()], controllers: [TicketController] },
      async (app) => {
        await compress(app);
        app.use(count);
      },
    );
    const client = await open(running, '/large', { headers: { 'accept-encoding': 'gzip' } });
    expect(client.headers['content-encoding']).toBe('gzip');
    expect(await client.rest()).toHaveLength(400);
    expect(drained).toBeGreaterThan(10);
    expect(listeners).toBe(1);
    await running.app.close();
  });
});
