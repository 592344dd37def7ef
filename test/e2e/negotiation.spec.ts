import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import { Readable } from 'node:stream';
import { NEVER } from 'rxjs';
import { Sse, SseClient, SseConnections, SseModule, SseResponse, type SseConnection } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';
import { until } from '../support/until.js';

let destroyed = 0;

@Controller()
class NegotiatedController {
  @Sse('list') list() {
    return ['one'];
  }

  @Sse('either') either(@Query('stream') stream?: string) {
    return stream ? ['one'] : SseResponse.json(['one']);
  }

  @Sse('nothing') nothing() {
    return null;
  }

  @Sse('readable') readable() {
    return new Readable({
      read() {},
      destroy(error, done) {
        destroyed++;
        done(error);
      },
    });
  }

  @Sse('sends') sends(@SseClient() client: SseConnection) {
    client.send('one');
    return NEVER;
  }
}

describe.each(platforms)('Accept and HEAD on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [NegotiatedController] });
  });
  beforeEach(() => (destroyed = 0));
  afterAll(() => running.app.close());

  const open1 = async (path: string, accept: string) => {
    const client = await open(running, path, { headers: { accept } });
    await client.rest();
    return client;
  };

  // Stock clients ask for JSON and take a stream: the `openai` package does.
  it.each(['text/event-stream', '*/*', 'application/json', 'text/html', 'text/event-stream;q=0', 'constructor', ''])(
    'streams whatever a client accepts: %j',
    async (accept) => {
      const client = await open1('/list', accept);
      expect([client.status, client.text]).toEqual([200, 'data: one\n\n']);
      expect(client.headers['content-type']).toBe('text/event-stream');
    },
  );

  it.each(['application/json', 'text/event-stream'])(
    'answers JSON on the same route, whatever is accepted: %s',
    (accept) => request(running).get('/either').set('accept', accept).expect(200, ['one']),
  );

  it('answers 204, which has no type, whatever is accepted', () =>
    request(running).get('/nothing').set('accept', 'application/json').expect(204));

  it.each(['/list', '/readable'])(
    'answers HEAD with the headers of the stream, and releases the source: %s',
    async (path) => {
      const client = await open(running, path, { method: 'HEAD' });
      expect(await client.rest()).toEqual([]);
      expect(client.status).toBe(200);
      expect(client.headers).toMatchObject({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
      expect(destroyed).toBe(path === '/readable' ? 1 : 0);
      await until(() => running.app.get(SseConnections).size === 0);
    },
  );

  it('answers HEAD with the status that GET would have', async () => {
    for (const [path, status] of [
      ['/nothing', 204],
      ['/either', 200],
    ] as const) {
      const client = await open(running, path, { method: 'HEAD' });
      await client.rest();
      expect(client.status).toBe(status);
    }
  });

  it('answers HEAD also when the handler sends by itself', async () => {
    const client = await open(running, '/sends', { method: 'HEAD' });
    expect(await client.rest()).toEqual([]);
    expect(client.headers['content-type']).toBe('text/event-stream');
    await until(() => running.app.get(SseConnections).size === 0);
  });
});
