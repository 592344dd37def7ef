import 'reflect-metadata';
import { Controller, Header, type INestApplication } from '@nestjs/common';
import compression from 'compression';
import { Subject } from 'rxjs';
import type { Connection } from '../../lib/connection/connection.js';
import { Sse, SseClient, SseModule } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { startTlsFront } from '../support/tls-front.js';
import { until } from '../support/until.js';

@Controller()
class Streams {
  /** Writers of the connections so far, by class. */
  readonly writers: string[] = [];
  readonly subject = new Subject<string>();

  @Sse('three')
  async *three(@SseClient() connection: Connection) {
    yield 'one';
    const { writer } = connection as unknown as { writer: object };
    this.writers.push(writer.constructor.name);
    yield 'two';
    yield 'thrée';
  }

  @Sse('open')
  open() {
    return this.subject;
  }

  @Sse('measured')
  @Header('Content-Length', '36')
  measured(@SseClient() connection: Connection) {
    return this.three(connection);
  }
}

const BODY = 'data: one\n\ndata: two\n\ndata: thrée\n\n';
const get = (path: string, version = '1.1', headers = '') =>
  `GET ${path} HTTP/${version}\r\nHost: localhost\r\n${headers}\r\n`;
const [express, fastify, http2] = platforms as [(typeof platforms)[0], (typeof platforms)[0], (typeof platforms)[0]];

describe('the way bytes take', () => {
  let running: Running;
  const serve = async (platform: typeof express, configure?: (app: INestApplication) => unknown) => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [Streams] }, configure);
    return running.app.get(Streams);
  };
  afterEach(() => running.app.close());

  it.each([express, fastify])('goes straight to the socket on $name over HTTP/1.1', async (platform) => {
    const streams = await serve(platform);
    const client = await RawClient.open(running.url, get('/three'));
    const response = await client.response();
    expect([response.framing, response.body.toString()]).toEqual(['chunked', BODY]);
    expect(streams.writers).toEqual(['DirectWriter']);
    // The socket is as good as new: the next request on it is answered.
    client.send(get('/three', '1.1', 'Connection: close\r\n'));
    expect((await client.response()).body.toString()).toBe(BODY);
    expect(await client.readAll()).toHaveLength(0);
  });

  it.each([express, fastify])('is res.write on $name over HTTP/1.0, which has no chunks', async (platform) => {
    const streams = await serve(platform);
    const client = await RawClient.open(running.url, get('/three', '1.0'));
    const response = await client.response();
    expect([response.framing, response.body.toString()]).toEqual(['until close', BODY]);
    expect(streams.writers).toEqual(['PlainWriter']);
  });

  it.each([express, fastify])('is none on $name for HEAD', async (platform) => {
    const streams = await serve(platform);
    const client = await RawClient.open(running.url, get('/three').replace('GET', 'HEAD') + get('/three'));
    const head = await client.response('HEAD');
    expect([head.status, head.headers.get('content-type'), head.body.length]).toEqual([200, 'text/event-stream', 0]);
    expect((await client.response()).body.toString()).toBe(BODY);
    expect(streams.writers).toHaveLength(1);
    client.socket.destroy();
  });

  it.each([express, fastify])(
    'goes straight to the socket on $name for a pipelined request, when it is its turn',
    async (platform) => {
      const streams = await serve(platform);
      const client = await RawClient.open(running.url, get('/open') + get('/three'));
      await until(() => streams.subject.observed);
      streams.subject.next('first');
      streams.subject.complete();
      expect((await client.response()).body.toString()).toBe('data: first\n\n');
      expect((await client.response()).body.toString()).toBe(BODY);
      expect(streams.writers).toEqual(['DirectWriter']);
      client.socket.destroy();
    },
  );

  it('is res.write behind compression()', async () => {
    const streams = await serve(express, (app) => app.use(compression()));
    const client = await open(running, '/three', { headers: { 'accept-encoding': 'gzip' } });
    expect((await client.rest()).map(({ data }) => data)).toEqual(['one', 'two', 'thrée']);
    expect(streams.writers).toEqual(['PlainWriter']);
  });

  it('is res.write with a Content-Length, which means another framing', async () => {
    const streams = await serve(express);
    const client = await RawClient.open(running.url, get('/measured'));
    const response = await client.response();
    expect([response.framing, response.body.toString()]).toEqual(['length', BODY]);
    expect(streams.writers).toEqual(['PlainWriter']);
    client.socket.destroy();
  });

  it('is the stream itself over HTTP/2', async () => {
    const streams = await serve(http2);
    expect((await (await open(running, '/three')).rest()).map(({ data }) => data)).toEqual(['one', 'two', 'thrée']);
    expect(streams.writers).toEqual(['Http2Writer']);
  });

  it('is res.write over TLS', async () => {
    const streams = await serve(express);
    const front = await startTlsFront(running.app);
    const client = await RawClient.open(front.url, get('/three', '1.1', 'Connection: close\r\n'), true);
    expect((await client.response()).body.toString()).toBe(BODY);
    expect(streams.writers).toEqual(['PlainWriter']);
    await front.stop();
  });
});
