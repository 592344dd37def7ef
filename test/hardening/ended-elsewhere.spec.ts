import 'reflect-metadata';
import { Controller, type INestApplication } from '@nestjs/common';
import type { Server, ServerResponse } from 'node:http';
import { Subject } from 'rxjs';
import type { Connection } from '../../lib/connection/connection.js';
import { Sse, SseBroadcaster, SseClient, SseModule } from '../../lib/index.js';
import { open } from '../support/client.js';
import { describeWith } from '../support/external.js';
import { startNginx } from '../support/nginx.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';
import { until } from '../support/until.js';

/** What a filter or a middleware has in its hands. */
const responseOf = (connection: Connection) =>
  (connection as unknown as { writer: { res: ServerResponse } }).writer.res;

@Controller()
class Streams {
  readonly subject = new Subject<string>();
  readonly connections: Connection[] = [];

  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('pushed') pushed(@SseClient() connection: Connection) {
    this.connections.push(connection);
    return this.subject;
  }

  @Sse('pulled') async *pulled(@SseClient() connection: Connection) {
    this.connections.push(connection);
    for (let n = 0; ; n++) {
      yield n;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  @Sse('channel') channel(@SseClient() connection: Connection) {
    this.connections.push(connection);
    return this.broadcaster.subscribe('news');
  }

  @Sse('next') next() {
    return ['next'];
  }
}

/** How each stream goes on after its response was ended, in the same turn and in later ones. */
const goOn: Record<string, (app: INestApplication) => unknown> = {
  '/pushed': (app) => app.get(Streams).subject.next('behind the end'),
  '/pulled': () => undefined,
  '/channel': (app) => app.get(SseBroadcaster).publish('news', { data: 'behind the end' }),
};

describe.each(platforms)('a response that other code has ended, on $name', (platform) => {
  let running: Running;
  beforeEach(async () => {
    running = await start(platform, { imports: [SseModule.forRoot({ ping: false })], controllers: [Streams] });
  });
  afterEach(() => running.app.close());

  /** @returns the connection, and its response, of which the handler knows nothing more */
  const endNow = async (path: string, how: (res: ServerResponse) => void) => {
    const { connections } = running.app.get(Streams);
    await until(() => connections.at(-1)?.state === 'open');
    const connection = connections.at(-1)!;
    // In the same turn before it, and after it.
    void goOn[path]!(running.app);
    how(responseOf(connection));
    for (let n = 0; n < 3; n++) void goOn[path]!(running.app);
    await new Promise((resolve) => setImmediate(resolve));
    for (let n = 0; n < 3; n++) void goOn[path]!(running.app);
    return connection;
  };

  it.each(Object.keys(goOn))('gets nothing behind its end, and its stream is over: %s', async (path) => {
    if (platform.http2) {
      const client = await open(running, path);
      const connection = await endNow(path, (res) => res.end('data: theirs\n\n'));
      await client.rest();
      expect(client.text.endsWith('data: theirs\n\n')).toBe(true);
      expect(await connection.closed).toMatchObject({
        code: 'client_left',
        reason: expect.stringContaining('other code'),
      });
      return;
    }
    const client = await RawClient.open(running.url, get(path));
    const connection = await endNow(path, (res) => res.end('data: theirs\n\n'));
    // Takes the body apart strictly: whatever stood behind the last chunk would be read as the next answer.
    const { body } = await client.response();
    expect(body.toString().endsWith('data: theirs\n\n')).toBe(true);
    expect(await connection.closed).toMatchObject({
      code: 'client_left',
      reason: expect.stringContaining('other code'),
    });
    // The socket was not cut either: the next request on it is somebody else's.
    client.send(get('/next', { Connection: 'close' }));
    expect((await client.response()).body.toString()).toBe('data: next\n\n');
    expect(await client.readAll()).toHaveLength(0);
  });

  it('counts nothing as sent that was not', async () => {
    const client = await open(running, '/pushed');
    const connection = await endNow('/pushed', (res) => res.end());
    await connection.closed;
    expect([connection.eventsSent, connection.send('too late')]).toEqual([0, false]);
    expect(running.app.get(Streams).subject.observed).toBe(false);
    await client.rest();
  });
});

// One connection to the application for everybody: what is written behind an end is the next one's answer.
const keptAlive = (listen: string, app: string) => `
  upstream app { server ${new URL(app).host}; keepalive 1; }
  server {
    listen ${listen};
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ''; }
  }`;

describeWith('nginx', 'behind nginx that keeps its connections', (path) => {
  it.each(platforms.filter(({ http2 }) => !http2))('other users get their own answers, on $name', async (platform) => {
    const running = await start(platform, { imports: [SseModule.forRoot({ ping: false })], controllers: [Streams] });
    const nginx = await startNginx(path, (listen) => keptAlive(listen, running.url));
    const through = (route: string) => open({ url: nginx.url, http2: false }, route);
    const { connections, subject } = running.app.get(Streams);
    let sockets = 0;
    (running.app.getHttpServer() as Server).on('connection', () => sockets++);
    for (let round = 1; round <= 20; round++) {
      const client = await through('/pushed');
      await until(() => connections.length === round && connections.at(-1)!.state === 'open');
      const connection = connections.at(-1)!;
      responseOf(connection).end('data: theirs\n\n');
      subject.next('behind the end');
      await client.rest();
      expect(client.text).toBe('data: theirs\n\n');
      const next = await through('/next');
      expect([next.status, (await next.rest()).map(({ data }) => data)]).toEqual([200, ['next']]);
      expect(await connection.closed).toMatchObject({ code: 'client_left' });
    }
    // nginx gives a connection up on which something unexpected comes, or which is cut.
    expect(sockets).toBe(1);
    expect(nginx.program.stderr).not.toMatch(/\[(error|alert|crit)\]/);
    await nginx.stop();
    await running.app.close();
  });
});
