import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { NEVER, Subject } from 'rxjs';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import { Sse, SseConnections, SseEvent, SseModule, SsePingService, type SseEventLike } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';
import { until } from '../support/until.js';

/** Longer than any machine stands still. */
const BUSY_MS = 2_000;

@Controller()
class Streams {
  readonly subject = new Subject<SseEventLike>();

  @Sse('quiet')
  quiet() {
    return NEVER;
  }

  @Sse('busy', { ping: { intervalMs: BUSY_MS } })
  busy() {
    return this.subject;
  }

  @Sse('never', { ping: false })
  never() {
    return NEVER;
  }

  @Sse('custom', { ping: { event: () => SseEvent.withType('ping', { beat: 1 }) } })
  custom() {
    return NEVER;
  }

  @Sse('broken', {
    ping: {
      event: () => {
        throw new Error('no ping today');
      },
    },
  })
  broken() {
    return NEVER;
  }
}

describe.each(platforms)('pings on $name', (platform) => {
  let running: Running;
  let registry: ConnectionRegistry;
  const timer = () => (running.app.get<unknown>(SsePingService) as { timer: { isRunning: boolean } }).timer;

  beforeAll(async () => {
    const imports = [SseModule.forRoot({ ping: { intervalMs: 40 } })];
    running = await start(platform, { imports, controllers: [Streams] });
    registry = running.app.get(ConnectionRegistry);
  });
  afterAll(() => running.app.close());

  it('are empty comments, again and again, also before the first event of a source', async () => {
    const client = await open(running, '/quiet');
    await client.until(({ text }) => text.startsWith(': \n\n: \n\n: \n\n'));
    client.leave();
  });

  it('may be an event of one’s own', async () => {
    const client = await open(running, '/custom');
    expect(await client.events(2)).toEqual([
      { event: 'ping', data: '{"beat":1}', id: undefined },
      { event: 'ping', data: '{"beat":1}', id: undefined },
    ]);
    client.leave();
  });

  it('are comments when the factory throws, and nobody else goes without', async () => {
    const [broken, quiet] = [await open(running, '/broken'), await open(running, '/quiet')];
    await Promise.all([broken, quiet].map((client) => client.until(({ text }) => text.includes(': \n\n'))));
    broken.leave();
    quiet.leave();
  });

  it('go to no client that is not silent for the whole interval, and to none of a route without', async () => {
    const [busy, never, quiet] = [
      await open(running, '/busy'),
      await open(running, '/never'),
      await open(running, '/quiet'),
    ];
    const { subject } = running.app.get(Streams);
    // Each round takes two intervals of the quiet client, far less than one of the busy one, and all of them more than that.
    const end = performance.now() + 1.5 * BUSY_MS;
    for (let round = 1; performance.now() < end; round++) {
      const pinged = quiet.comments.length;
      await quiet.until(({ comments }) => comments.length >= pinged + 2);
      subject.next({ data: round });
      await busy.event();
    }
    expect(busy.comments).toHaveLength(0);
    for (const connection of running.app.get(SseConnections)) connection.send('marker');
    await never.event();
    expect(never.text).toBe('data: marker\n\n');
    for (const client of [busy, never, quiet]) client.leave();
  });

  it('come from one timer, which rests when nobody is there', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => open(running, '/quiet')));
    expect(timer().isRunning).toBe(true);
    for (const client of clients) client.leave();
    await until(() => registry.all.size === 0);
    await until(() => !timer().isRunning);
  });
});

it('a ping goes to no client that is backed up, and never into a frame', async () => {
  const running = await start(platforms[0]!, {
    imports: [SseModule.forRoot({ ping: { intervalMs: 20 }, buffer: { maxBytes: 100_000_000 } })],
    controllers: [Streams],
  });
  const client = await RawClient.open(running.url, get('/quiet'));
  await client.head();
  const [connection] = [...running.app.get(SseConnections)];
  const frame = 'x'.repeat(1_000_000);
  // More than the kernel takes of a peer that does not read.
  for (let i = 0; i < 20; i++) connection!.send(frame);
  const pings = running.app.get(SsePingService);
  const quiet = await open(running, '/quiet');
  const sent = pings.sent;
  await quiet.until(({ comments }) => comments.length >= 30);
  // All pings of that time went to the other one, which has some of them yet to read: for both there were twice as many.
  expect(pings.sent - sent).toBeLessThan(quiet.comments.length + 15);
  expect(connection!.bufferedBytes).toBeGreaterThan(1_000_000);
  let body = '';
  while (!body.includes(': \n\n')) body += ((await client.chunk()) ?? '').toString();
  expect(body.replace(/(: \n\n)+$/, '')).toBe(`data: ${frame}\n\n`.repeat(20));
  client.destroy();
  quiet.leave();
  await running.app.close();
});
