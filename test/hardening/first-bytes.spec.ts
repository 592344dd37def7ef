import 'reflect-metadata';
import { Controller, Res } from '@nestjs/common';
import { NEVER, Observable } from 'rxjs';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import { closeReason } from '../../lib/connection/close-reason.js';
import {
  Sse,
  SseBroadcaster,
  SseClient,
  SseConnections,
  SseModule,
  SseShutdownService,
  type SseConnection,
} from '../../lib/index.js';
import type { Connection } from '../../lib/connection/connection.js';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';
import { until } from '../support/until.js';

const facts = new Facts();

/** More than a socket takes before it says that it is full, several times. */
const LARGE = 'x'.repeat(300_000);

/** More than the kernel takes from us for a client that does not read. */
const HUGE = 'x'.repeat(16_000_000);

let latest: SseConnection;
let socket: Socket;

@Controller()
class FirstBytesController {
  constructor(
    private readonly broadcaster: SseBroadcaster,
    private readonly shutdown: SseShutdownService,
  ) {}

  @Sse('silent') silent() {
    return NEVER;
  }

  @Sse('pushed') pushed(@Res() response: ServerResponse & { raw?: ServerResponse }) {
    socket = (response.raw ?? response).socket as Socket;
    return new Observable((subscriber) => {
      subscriber.next('a');
      subscriber.next('b');
    });
  }

  @Sse('kicked') kicked(@SseClient() client: SseConnection) {
    client.send('last');
    client.close();
    return NEVER;
  }

  @Sse('kicked-in-tick') kickedInTick(@SseClient() client: SseConnection) {
    client.comment('hi');
    process.nextTick(() => client.close());
    return NEVER;
  }

  @Sse('cut') cut(@SseClient() client: SseConnection) {
    client.send('never');
    (client as Connection).cut(closeReason('slow_client'));
    return NEVER;
  }

  @Sse('closing') closing(@SseClient() client: SseConnection) {
    client.send('last');
    void this.shutdown.beforeApplicationShutdown();
    return NEVER;
  }

  @Sse('large') large(@SseClient() client: SseConnection) {
    client.send(LARGE);
    client.close();
    return NEVER;
  }

  @Sse('large-pulled') *largePulled() {
    for (let n = 0; n < 5; n++) yield LARGE;
  }

  @Sse('huge') huge(@SseClient() client: SseConnection) {
    latest = client;
    client.send(HUGE);
    return NEVER;
  }

  @Sse('replay') replay() {
    return this.broadcaster.subscribe('large', { from: 'earliest' });
  }

  @Sse('live') live() {
    return this.broadcaster.subscribe('live');
  }
}

const http1 = platforms.filter(({ http2 }) => !http2);

describe.each(http1)('the first bytes on $name', (platform) => {
  let running: Running;
  let client: RawClient;

  beforeEach(async () => {
    facts.forget();
    running = await start(platform, {
      imports: [
        SseModule.forRoot({
          writeTimeoutMs: 3_000,
          ping: false,
          buffer: { maxBytes: 64_000_000 },
          shutdown: { gracePeriodMs: 200 },
        }),
      ],
      controllers: [FirstBytesController],
    });
  });
  afterEach(async () => {
    client.destroy();
    await running.app.close();
  });

  const ask = async (path: string) => (client = await RawClient.open(running.url, get(path)));

  it('are the headers when there is nothing else, and they do not wait', async () => {
    await ask('/silent');
    expect((await client.head()).status).toBe(200);
    expect(running.app.get(SseConnections).size).toBe(1);
  });

  it('are headers and events in one write', async () => {
    const written: number[] = [];
    const server = running.app.getHttpServer() as Server;
    server.on('connection', (accepted: Socket & { _writev: unknown; _write: unknown }) => {
      for (const name of ['_write', '_writev'] as const) {
        const original = accepted[name] as (...args: unknown[]) => unknown;
        accepted[name] = function (this: unknown, ...args: unknown[]) {
          written.push(1);
          return original.apply(this, args);
        };
      }
    });
    await ask('/pushed');
    const read = (await client.readUntil('data: b\n\n')).toString();
    expect(read).toContain('200 OK');
    expect(written).toHaveLength(1);
    expect(socket.writableCorked).toBe(0);
  });

  it.each([
    ['/kicked', 'data: last\n\n'],
    ['/kicked-in-tick', ': hi\n\n'],
    ['/large', `data: ${LARGE}\n\n`],
    ['/large-pulled', `data: ${LARGE}\n\n`.repeat(5)],
  ])('leave, and all that follows them, when the stream ends at once: %s', async (path, body) => {
    await ask(path);
    const response = await client.response();
    expect(response.framing).toBe('chunked');
    expect(response.body.toString() === body).toBe(true);
    // The socket is kept, and not held back.
    client.send(get('/kicked'));
    expect((await client.response()).body.toString()).toBe('data: last\n\n');
  });

  it('leave when the server closes in the same tick', async () => {
    await ask('/closing');
    const { body } = await client.response();
    expect(body.toString()).toMatch(/^data: last\n\nretry: \d+\n\n$/);
  });

  it('do not leave when the client is cut off in the same tick', async () => {
    await ask('/cut');
    expect((await client.readAll()).toString()).toBe('');
    expect(running.app.get(SseConnections).closed).toEqual({ slow_client: 1 });
  });

  it('are a whole replay, however large', async () => {
    const broadcaster = running.app.get(SseBroadcaster);
    for (let n = 0; n < 10; n++) await broadcaster.publish('large', LARGE);
    await broadcaster.publish('large', 'the last one');
    await ask('/replay');
    const text = await client.readUntil('data: the last one\n\n');
    expect(text.split(LARGE)).toHaveLength(11);
  });

  it('of a client that never reads are given up after writeTimeoutMs', async () => {
    await ask('/huge');
    await until(() => running.app.get(SseConnections).size === 1);
    expect(await latest.closed).toMatchObject({ code: 'write_timeout' });
  });

  it('do not make the write-stall watch look after a client that takes them', async () => {
    await ask('/live');
    await client.head();
    await client.readUntil('\n\n');
    const [connection] = running.app.get(ConnectionRegistry).all;
    expect(connection?.watched).toBe(false);
  });
});
