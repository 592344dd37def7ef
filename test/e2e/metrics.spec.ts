import 'reflect-metadata';
import { Controller, ImATeapotException, Logger } from '@nestjs/common';
import { NEVER } from 'rxjs';
import { SseBackplane } from '../../lib/backplane/index.js';
import {
  Sse,
  SseBroadcaster,
  SseClient,
  SseMetrics,
  SseModule,
  SseShutdownService,
  type SseConnection,
  type SseRouteMetrics,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';
import { until } from '../support/until.js';

const facts = new Facts();

@Controller()
class Streams {
  last!: SseConnection;
  constructor(readonly broadcaster: SseBroadcaster) {}

  @Sse('of/:user') never(@SseClient() client: SseConnection) {
    this.last = client;
    return NEVER;
  }
  @Sse('three/:user') three() {
    return [1, 2, 3];
  }
  @Sse('nothing') nothing() {
    return null;
  }
  @Sse('fails') fails(): string[] {
    throw new ImATeapotException();
  }
  @Sse('slow') async slow() {
    await facts.until('go on');
    return ['late'];
  }
  @Sse('dropping', { buffer: { maxBytes: 1_000, overflow: 'dropNewest' } }) dropping(
    @SseClient() client: SseConnection,
  ) {
    this.last = client;
    return NEVER;
  }
  @Sse('news') news() {
    return this.broadcaster.subscribe('news', { from: 'earliest' });
  }
}

describe.each(platforms)('SseMetrics on $name', (platform) => {
  let running: Running;
  let metrics: SseMetrics;
  let streams: Streams;
  jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  beforeEach(async () => {
    facts.forget();
    running = await start(platform, { imports: [SseModule.forRoot({ ping: false })], controllers: [Streams] });
    metrics = running.app.get(SseMetrics);
    streams = running.app.get(Streams);
  });
  afterEach(() => running.app.close());

  const of = (route: string) => metrics.read().routes.find((one) => one.route === route) as SseRouteMetrics;

  it('counts streams by the pattern of their route, and by how they ended', async () => {
    expect(metrics.read().routes).toEqual([]);
    const client = await open(running, '/of/ada?token=secret');
    await (await open(running, '/three/bob')).rest();
    await until(() => of('/three/:user').open === 0);
    expect(of('/of/:user')).toMatchObject({ open: 1, opened: 1, closed: {}, eventsSent: 0, bytesSent: 0 });
    expect(of('/three/:user')).toMatchObject({ open: 0, opened: 1, closed: { source_completed: 1 }, eventsSent: 3 });
    client.leave();
    await until(() => of('/of/:user').closed.client_left === 1);
    expect(of('/of/:user').open).toBe(0);
    expect(JSON.stringify(metrics.collect())).not.toMatch(/ada|bob|secret/);
  });

  it('counts requests that got no stream, and those that wait for one', async () => {
    const slow = open(running, '/slow');
    await until(() => of('/slow')?.opening === 1);
    await request(running).get('/nothing');
    await request(running).get('/fails');
    await until(() => of('/fails')?.refused.source_failed === 1);
    expect(of('/nothing')).toMatchObject({ opened: 0, open: 0, refused: { source_completed: 1 } });
    expect(of('/slow')).toMatchObject({ opening: 1, open: 0 });
    facts.tell('go on');
    await (await slow).rest();
    expect(of('/slow')).toMatchObject({ opening: 0, opened: 1 });
  });

  it('adds up what open streams have sent to what streams that are over had sent', async () => {
    const first = await open(running, '/three/bob');
    await first.rest();
    const bytes = Buffer.byteLength(first.text);
    await until(() => of('/three/:user').open === 0);
    expect(of('/three/:user')).toMatchObject({ eventsSent: 3, bytesSent: bytes });
    const client = await open(running, '/of/ada');
    streams.last.send('x'.repeat(100));
    await client.event();
    expect(of('/of/:user')).toMatchObject({ eventsSent: 1, bytesSent: streams.last.bytesSent });
    expect(of('/of/:user').bytesSent).toBeGreaterThan(100);
    client.leave();
    await until(() => of('/of/:user').open === 0);
    expect(of('/of/:user')).toMatchObject({ eventsSent: 1, bytesSent: streams.last.bytesSent });
  });

  it('counts the time to the first event once for each stream, and not for one without', async () => {
    const client = await open(running, '/of/ada');
    for (let i = 0; i < 2; i++) await (await open(running, '/three/bob')).rest();
    const { count, sum, buckets } = of('/three/:user').timeToFirstEventMs;
    expect(count).toBe(2);
    expect(sum).toBeGreaterThanOrEqual(0);
    expect(buckets.at(-1)).toEqual({ upTo: 60_000, count: 2 });
    expect(of('/of/:user').timeToFirstEventMs.count).toBe(0);
    client.leave();
  });

  it('sees clients that do not read, what waits for them, and what was dropped', async () => {
    const client = await open(running, '/dropping');
    const { last } = streams;
    const event = 'x'.repeat(65_536);
    await until(() => last.send(event) && last.bufferedBytes > 0);
    await until(() => !last.send(event));
    expect(of('/dropping')).toMatchObject({ lagging: 1, bufferedBytes: last.bufferedBytes });
    const { eventsDropped } = of('/dropping');
    expect(eventsDropped).toBe(last.eventsDropped);
    client.leave();
    await until(() => of('/dropping').open === 0);
    expect(of('/dropping')).toMatchObject({ lagging: 0, bufferedBytes: 0, eventsDropped });
  });

  it('counts what is published, replayed and missing, and what there is', async () => {
    const { broadcaster } = streams;
    const { id } = await broadcaster.publish('news', 'a');
    await broadcaster.publish('news', 'b');
    const client = await open(running, '/news', { headers: { 'last-event-id': id } });
    await client.event();
    const lost = await open(running, '/news', { headers: { 'last-event-id': '7' } });
    await lost.event();
    await until(() => of('/news').replays === 1);
    expect(of('/news')).toMatchObject({ eventsReplayed: 1, gaps: { malformed: 1 } });
    expect(metrics.read()).toMatchObject({ published: 2, publishFailures: 0, channels: 1, productions: 0 });
    expect(metrics.read().publishMs).toMatchObject({ count: 2, sum: 0 });
    const production = await broadcaster.produce('answer', NEVER);
    expect(metrics.read()).toMatchObject({ productions: 1 });
    await production.stop();
    expect(metrics.read()).toMatchObject({ productions: 0 });
    client.leave();
    lost.leave();
  });

  it('says whether the application drains', async () => {
    expect(metrics.read()).toMatchObject({ isDraining: false, isBackplaneUp: true, backplaneFailures: 0 });
    await running.app.get(SseShutdownService).shutdown();
    expect(metrics.read().isDraining).toBe(true);
  });

  it('lists all that it reads, under names of Prometheus and OpenTelemetry', async () => {
    await (await open(running, '/three/bob')).rest();
    await until(() => of('/three/:user').open === 0);
    const list = metrics.collect();
    for (const { name, otelName, labelNames, points } of list) {
      expect(name).toMatch(/^sse_[a-z_]+$/);
      expect(otelName).toMatch(/^sse\.server\.[a-z_.]+$/);
      for (const { labels, value } of points) {
        expect(Object.keys(labels)).toEqual(labelNames);
        expect(value).toEqual(expect.any(Number));
      }
    }
    expect(new Set(list.map(({ name }) => name)).size).toBe(list.length);
    const points = (name: string) => list.find((one) => one.name === name)?.points;
    expect(points('sse_connections_closed_total')).toEqual([
      { labels: { route: '/three/:user', code: 'source_completed' }, value: 1 },
    ]);
    expect(points('sse_time_to_first_event_seconds_bucket')?.at(-1)).toEqual({
      labels: { route: '/three/:user', le: '+Inf' },
      value: 1,
    });
    expect(points('sse_backplane_up')).toEqual([{ labels: {}, value: 1 }]);
  });
});

it('the backplane can be injected', async () => {
  const running = await start(platforms[0]!, { imports: [SseModule.forRoot()] });
  expect(running.app.get(SseBackplane)).toMatchObject({ retains: expect.any(Boolean) });
  await running.app.close();
});
