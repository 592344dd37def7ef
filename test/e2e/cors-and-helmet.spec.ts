import 'reflect-metadata';
import fastifyHelmet from '@fastify/helmet';
import { Controller, type INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import helmet from 'helmet';
import { of, throwError } from 'rxjs';
import { Sse, SseModule, SseShutdownService } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

const origin = 'https://shop.example';

async function secure(app: INestApplication): Promise<void> {
  app.enableCors({ origin: [origin, 'https://admin.example'], credentials: true, exposedHeaders: ['X-Total'] });
  if (app.getHttpAdapter().getType() === 'express') app.use(helmet());
  else await (app as NestFastifyApplication).register(fastifyHelmet as never);
}

@Controller()
class NewsController {
  @Sse('news') news() {
    return of('hi');
  }

  @Sse('fails') fails() {
    return throwError(() => new Error());
  }

  @Sse('nothing') nothing() {
    return null;
  }
}

describe.each(platforms)('CORS and helmet on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [NewsController] }, secure);
  });
  afterAll(() => running.app.close());

  const cors = {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'X-Total',
    vary: 'Origin',
  };
  const security = { 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' };

  it.each([
    ['a stream', '/news', 200],
    ['a failure', '/fails', 500],
    ['204', '/nothing', 204],
  ])('set their headers on %s', async (_, path, status) => {
    const client = await open(running, path, { headers: { origin } });
    await client.rest();
    expect(client.status).toBe(status);
    expect(client.headers).toMatchObject({ ...cors, ...security });
  });

  it('answer the preflight of a request with Last-Event-ID', () =>
    request(running)
      .options('/news')
      .set('origin', origin)
      .set('access-control-request-method', 'GET')
      .set('access-control-request-headers', 'last-event-id')
      .expect(204)
      .expect('access-control-allow-origin', origin)
      .expect('access-control-allow-headers', 'last-event-id'));

  it('set their headers on what turns a client away, which its browser could not read otherwise', async () => {
    await running.app.get(SseShutdownService).shutdown();
    const client = await open(running, '/news', { headers: { origin } });
    await client.rest();
    expect(client.headers).toMatchObject({ 'content-type': 'text/event-stream', ...cors, ...security });
    expect(client.retry).toBeGreaterThan(0);
  });
});
