import 'reflect-metadata';
import { Catch, Controller, Param, Req, ServiceUnavailableException, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { IncomingMessage } from 'node:http';
import { concat, NEVER, Observable, of } from 'rxjs';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import { Observers } from '../../lib/connection/observers.js';
import { Sse, SseConnections, SseModule, SseSignal, type SseCloseReason } from '../../lib/index.js';
import { collectGarbage } from '../support/collect-garbage.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';
import { RecordingObserver } from '../support/recording-observer.js';
import { until } from '../support/until.js';

const facts = new Facts();

@Controller()
class QueueController {
  @Sse('finite/:name') finite(@Param('name') name: string) {
    return of(name);
  }

  @Sse('held/:name') async *held(
    @Param('name') name: string,
    @Req() request: IncomingMessage & { raw?: IncomingMessage },
  ) {
    facts.tell(`${name} opened with ${(request.raw ?? request).socket.listenerCount('close')} listeners`);
    facts.tell(`${name} opened`);
    yield name;
    await facts.until('go on');
    yield 'end';
  }

  @Sse('endless/:name') endless(
    @Param('name') name: string,
    @Req() request: IncomingMessage & { raw?: IncomingMessage },
    @SseSignal() signal: AbortSignal,
  ) {
    signal.addEventListener('abort', () => facts.tell(`${name}: ${(signal.reason as SseCloseReason).code}`));
    const { socket } = request.raw ?? request;
    return new Observable(() => {
      facts.tell(`${name} opened with ${socket.listenerCount('close')} listeners`);
      facts.tell(`${name} opened`);
      return () => facts.tell(`${name} released`);
    });
  }

  /** As a history that is replayed: a megabyte for each client that does not read it. */
  @Sse('large') large() {
    facts.tell('large opened');
    return concat(of('x'.repeat(1_000_000)), NEVER);
  }
}

const countsOf = (name: string) =>
  facts.told.flatMap((fact) => new RegExp(`^${name} opened with (\\d+)`).exec(String(fact))?.[1] ?? []);

async function heapUsed(): Promise<number> {
  await collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** How many requests were refused so far. */
let refused = 0;

@Catch(ServiceUnavailableException)
class CountingFilter extends BaseExceptionFilter {
  override catch(error: ServiceUnavailableException, host: ArgumentsHost): void {
    refused++;
    super.catch(error, host);
  }
}

describe.each(platforms.filter(({ http2 }) => !http2))('pipelined requests on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(
      platform,
      { imports: [SseModule.forRoot({ ping: false })], controllers: [QueueController] },
      (app) => app.useGlobalFilters(new CountingFilter(app.getHttpAdapter())),
    );
  });
  beforeEach(() => {
    facts.forget();
    refused = 0;
  });
  afterAll(() => running.app.close());

  it('are answered one after the other, each whole', async () => {
    const client = await RawClient.open(running.url, get('/held/a') + get('/finite/b') + get('/finite/c'));
    facts.tell('go on');
    const bodies = [await client.response(), await client.response(), await client.response()];
    expect(bodies.map(({ body }) => body.toString())).toEqual([
      'data: a\n\ndata: end\n\n',
      'data: b\n\n',
      'data: c\n\n',
    ]);
    client.destroy();
  });

  it('wait for their turn without a connection, and are called when it comes', async () => {
    const { all } = running.app.get(ConnectionRegistry);
    const client = await RawClient.open(running.url, get('/held/a') + get('/endless/b') + get('/endless/c'));
    await facts.until('a opened');
    expect(all.size).toBe(1);
    facts.tell('go on');
    await facts.until('b opened');
    expect(all.size).toBe(1);
    expect(facts.told).not.toContain('c opened');
    client.destroy();
    await facts.until('b released');
    await until(() => all.size === 0);
    expect(facts.told).not.toContain('c opened');
  });

  it('have one listener of the socket for all that wait, and none for whose turn it is', async () => {
    facts.tell('go on');
    const client = await RawClient.open(running.url, ['a', 'b', 'c', 'd'].map((name) => get(`/held/${name}`)).join(''));
    await facts.until('d opened');
    const [[b], [c], [d]] = [countsOf('b'), countsOf('c'), countsOf('d')];
    expect([b, c]).toEqual([String(Number(d) + 1), b]);
    client.destroy();
    await until(() => running.app.get(ConnectionRegistry).all.size === 0);
  });

  it('of which there are too many are refused, and cost nothing', async () => {
    const before = await heapUsed();
    const { all } = running.app.get(ConnectionRegistry);
    const observer = new RecordingObserver();
    running.app.get(Observers).add(observer);
    const requests = get('/endless/first') + get('/large').repeat(999);
    expect(requests.length).toBeLessThan(40_000);
    const client = await RawClient.open(running.url, requests);
    await facts.until('first opened');
    await until(() => refused === 999 - 16);
    expect(all.size).toBe(1);
    const refusals = observer.told.filter((fact) => String(fact).startsWith('refused'));
    expect(refusals).toEqual(Array(999 - 16).fill('refused /large too_many_waiting'));
    expect(((await heapUsed()) - before) / 2 ** 20).toBeLessThan(25);
    expect(facts.told).not.toContain('large opened');
    client.destroy();
    await until(() => all.size === 0);
    await facts.until('first released');
    expect(facts.told).not.toContain('large opened');
    expect(running.app.get(SseConnections).closed['client_left']).toBeGreaterThan(0);
  });
});

it('wait on Fastify too where a hook gives each reply `locals`, as @fastify/view asks for', async () => {
  facts.forget();
  const fastify = platforms.find(({ name }) => name === 'fastify')!;
  const { app, url } = await start(
    fastify,
    { imports: [SseModule.forRoot({ ping: false })], controllers: [QueueController] },
    (configured) => {
      const instance = (configured as NestFastifyApplication).getHttpAdapter().getInstance();
      instance.decorateReply('locals', null);
      instance.addHook('onRequest', (_, reply, done) => {
        Object.assign(reply, { locals: {} });
        done();
      });
    },
  );
  const { all } = app.get(ConnectionRegistry);
  const client = await RawClient.open(url, get('/held/a') + get('/endless/b'));
  await facts.until('a opened');
  // Requests of one packet are parsed in one go, and each is handled some turns later: one on another socket comes last.
  const other = await RawClient.open(url, get('/finite/c'));
  expect((await other.response()).body.toString()).toBe('data: c\n\n');
  expect(facts.told).not.toContain('b opened');
  other.destroy();
  facts.tell('go on');
  await facts.until('b opened');
  expect(all.size).toBe(1);
  client.destroy();
  await facts.until('b released');
  await app.close();
});
