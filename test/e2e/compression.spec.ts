import 'reflect-metadata';
import fastifyCompress from '@fastify/compress';
import { Controller, type INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import compression from 'compression';
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
