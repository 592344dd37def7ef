import 'reflect-metadata';
import {
  Body,
  Controller,
  ForbiddenException,
  Header,
  Injectable,
  RequestMethod,
  UseGuards,
  type CanActivate,
  type INestApplication,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { createServer } from 'node:net';
import { interval, NEVER } from 'rxjs';
import { LastEventId, Sse, SseBroadcaster, SseConnections, SseModule, SseResponse } from '../../lib/index.js';
import { closeStreams, openStream, SseRecordingBroadcaster } from '../../lib/testing/index.js';
import { platforms, type Platform } from '../support/platforms.js';

@Injectable()
class Never implements CanActivate {
  canActivate(): boolean {
    throw new ForbiddenException('not you');
  }
}

@Controller()
class Streams {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('feed')
  feed() {
    return this.broadcaster.subscribe('orders');
  }

  @Sse('three')
  *three() {
    for (const n of [1, 2, 3]) yield { type: 'number', id: `ö${n}`, retry: n, data: { n } };
  }

  @Sse('endless')
  *endless() {
    for (;;) yield 'x'.repeat(10_000);
  }

  @Sse('echo', { method: RequestMethod.POST })
  *echo(@Body() body: object, @LastEventId() id?: string) {
    yield { data: { body, id } };
  }

  @Sse('quiet')
  quiet() {
    return NEVER;
  }

  @Sse('clock')
  @Header('X-Clock', 'yes')
  clock() {
    return interval(1_000);
  }

  @Sse('forbidden')
  @UseGuards(Never)
  forbidden() {
    return NEVER;
  }

  @Sse('late', { commit: 'firstEvent' })
  late() {
    return NEVER;
  }

  @Sse('nothing')
  nothing() {
    return null;
  }

  @Sse('json')
  json() {
    return SseResponse.json({ a: 1 }, 202);
  }
}

const metadata = { imports: [SseModule.forRoot()], controllers: [Streams] };

async function appOn(platform: Platform): Promise<INestApplication> {
  const module = await Test.createTestingModule(metadata).compile();
  return module.createNestApplication(platform.adapter() as never, { logger: false });
}

describe.each(platforms)('openStream() on $name', (platform) => {
  let app: INestApplication;
  beforeAll(async () => {
    app = await appOn(platform);
  });
  afterAll(() => app.close());
  const connections = () => app.get(SseConnections);

  it('listens on a free port, once, when the application does not listen', async () => {
    const streams = await Promise.all([openStream(app, '/quiet'), openStream(app, '/quiet')]);
    expect(streams.map(({ response }) => response.status)).toEqual([200, 200]);
    expect(connections().size).toBe(2);
  });

  it('closes the streams of the test before', () => {
    expect(connections().size).toBe(0);
  });

  it('takes one event, some, those up to one, and the rest', async () => {
    const stream = await openStream(app, '/three');
    expect(await stream.next()).toEqual({ type: 'number', id: 'ö1', retry: 1, data: '{"n":1}' });
    expect(await stream.take(1)).toEqual([expect.objectContaining({ data: '{"n":2}' })]);
    expect(await stream.rest()).toEqual([expect.objectContaining({ data: '{"n":3}' })]);
    expect([stream.lastEventId, stream.retry]).toEqual(['ö3', 3]);

    const again = await openStream(app, '/three');
    expect(await again.until(({ id }) => id === 'ö2')).toHaveLength(2);
  });

  it('shows the answer of a guard, and says it when an event is asked for', async () => {
    const stream = await openStream(app, '/forbidden');
    expect(stream.response.status).toBe(403);
    expect(JSON.parse(stream.response.body!)).toMatchObject({ message: 'not you' });
    await expect(stream.next()).rejects.toThrow(
      /^next\(\): the stream has ended\nGET \/forbidden was answered with 403, application\/json[^]*body: .*not you/,
    );
  });

  it.each([
    ['/nothing', 204, ''],
    ['/json', 202, '{"a":1}'],
  ])('shows what is no stream: %s', async (path, status, body) => {
    const { response } = await openStream(app, path);
    expect([response.status, response.body]).toEqual([status, body]);
  });

  it('says what was received when there is no next event', async () => {
    const stream = await openStream(app, '/three');
    await stream.take(3);
    await expect(stream.next()).rejects.toThrow(
      /^next\(\): the stream has ended\nGET \/three was answered with 200, text\/event-stream\nheaders: .*cache-control[^]*events: 3, comments: 0\n {2}\{ type: 'number', data: '\{"n":1\}'/,
    );
    await expect((await openStream(app, '/three')).take(5)).rejects.toThrow(
      /^event 4 of take\(5\): the stream has ended/,
    );
    const quiet = await openStream(app, '/quiet', { timeoutMs: 50 });
    await expect(quiet.next()).rejects.toThrow(/^next\(\): nothing has come for 50 ms\nGET \/quiet [^]*events: 0/);
    // It is still open.
    for (const connection of connections()) connection.send('at last');
    expect(await quiet.next()).toEqual({ data: 'at last' });
  });

  it('says that there was no answer, and leaves', async () => {
    const asked = openStream(app, '/late', { timeoutMs: 50 });
    await expect(asked).rejects.toThrow('GET /late got no answer: nothing has come for 50 ms');
    expect((await openStream(app, '/quiet')).response.status).toBe(200);
  });

  it('sends a body, headers, and the last id as browsers do', async () => {
    const stream = await openStream(app, '/echo', { body: { a: 'ö' }, lastEventId: 'ö1' });
    expect(JSON.parse((await stream.next()).data)).toEqual({ body: { a: 'ö' }, id: 'ö1' });
    const form = { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'b=2' };
    if (platform.name === 'express') {
      expect(JSON.parse((await (await openStream(app, '/echo', form)).next()).data)).toEqual({ body: { b: '2' } });
    }
  });

  it('comes back after a cut, and misses nothing', async () => {
    const broadcaster = app.get(SseBroadcaster);
    const stream = await openStream(app, '/feed');
    await broadcaster.publish('orders', { data: 1 });
    expect((await stream.next()).data).toBe('1');
    await stream.cut();
    expect(connections().size).toBe(0);
    await expect(stream.next()).rejects.toThrow('next(): the connection was lost');
    await broadcaster.publish('orders', { data: 2 });
    await stream.reconnect();
    await broadcaster.publish('orders', { data: 3 });
    expect((await stream.take(2)).map(({ data }) => data)).toEqual(['2', '3']);
  });

  it('comes back from a stream that goes on: the server has one client', async () => {
    const stream = await openStream(app, '/feed');
    await stream.reconnect();
    expect(connections().size).toBe(1);
  });

  it('is gone for the server when close() has resolved, also as `await using` does', async () => {
    const [one, two] = [await openStream(app, '/quiet'), await openStream(app, '/endless')];
    await two.next();
    await one.close();
    await two[Symbol.asyncDispose]();
    expect(connections().size).toBe(0);
    await expect(one.next()).rejects.toThrow('next(): this client has left');
    await one.close();
  });

  it('reads no more than a test may want', async () => {
    const stream = await openStream(app, '/endless');
    expect(await stream.take(1_000)).toHaveLength(1_000);
    expect(connections().size).toBe(1);
    await closeStreams();
    expect(connections().size).toBe(0);
  });

  it.each([
    ['all timers', {}],
    ['not the clock', { doNotFake: ['performance'] as const }],
  ])('shows pings and what time makes, with fake timers: %s', async (_, config) => {
    jest.useFakeTimers(config as never);
    try {
      const [quiet, clock] = [await openStream(app, '/quiet'), await openStream(app, '/clock')];
      expect(clock.response.headers['x-clock']).toBe('yes');
      await jest.advanceTimersByTimeAsync(15_000);
      expect(await quiet.nextComment()).toBe('');
      expect(await clock.take(15)).toHaveLength(15);
      expect(quiet.comments).toEqual(['']);
    } finally {
      jest.useRealTimers();
    }
  });
});

it('a shutdown ends the streams', async () => {
  const app = await appOn(platforms[0]!);
  const stream = await openStream(app, '/feed');
  await app.close();
  expect(await stream.rest()).toEqual([]);
  expect(stream.retry).toBeGreaterThanOrEqual(100);
});

it('an application that cannot listen is an error', async () => {
  const taken = createServer();
  const app = { getHttpServer: () => taken, listen: () => Promise.reject(new Error('no port')) };
  await expect(openStream(app, '/')).rejects.toThrow('no port');
});

describe('a recording broadcaster', () => {
  it('records in a unit test, and its subscriptions tell their channels', async () => {
    const broadcaster = new SseRecordingBroadcaster();
    const subscription = new Streams(broadcaster).feed();
    expect(subscription.channels).toEqual(['orders']);
    expect(() => subscription[Symbol.asyncIterator]()).toThrow('Return it from a method with @Sse()');
    await broadcaster.publish('orders', { type: 'created', data: 1 }, { key: 'k' });
    expect(() => broadcaster.publish('orders', { id: 'a\nb' })).toThrow();
    expect(broadcaster.published).toEqual([{ channel: 'orders', event: { type: 'created', data: 1 }, key: 'k' }]);
    broadcaster.disconnect({ userId: '1' }, 'signed out');
    await broadcaster.produce('answers', ['a']);
    await broadcaster.stop('answers');
    await broadcaster.end('orders');
    await broadcaster.join({ userId: '1' }, 'orders');
    await broadcaster.leave({ userId: '1' }, 'orders');
    expect(broadcaster).toMatchObject({
      disconnected: [{ which: { userId: '1' }, options: { reason: 'signed out' } }],
      produced: [{ channel: 'answers', options: {} }],
      stopped: ['answers'],
      ended: ['orders'],
      joined: [{ tags: { userId: '1' }, channel: 'orders' }],
      left: [{ tags: { userId: '1' }, channel: 'orders' }],
    });
  });

  it('works on the application’s own connections when it takes the place of the provider', async () => {
    const module = await Test.createTestingModule(metadata)
      .overrideProvider(SseBroadcaster)
      .useClass(SseRecordingBroadcaster)
      .compile();
    const app = module.createNestApplication({ logger: false });
    const stream = await openStream(app, '/feed');
    const broadcaster = app.get<SseRecordingBroadcaster>(SseBroadcaster);
    await broadcaster.publish('orders', { data: 1 });
    expect(broadcaster.disconnect(() => true, { event: { data: 'bye' } })).toBe(1);
    expect((await stream.rest()).map(({ data }) => data)).toEqual(['1', 'bye']);
    expect([broadcaster.published.length, broadcaster.disconnected.length]).toEqual([1, 1]);
    await app.close();
  });
});
