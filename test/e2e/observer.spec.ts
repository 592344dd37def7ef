import 'reflect-metadata';
import { Controller, ImATeapotException, Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { NEVER, Observable } from 'rxjs';
import { Observers } from '../../lib/connection/observers.js';
import {
  Sse,
  SseClient,
  SseConnections,
  SseModule,
  SseResponse,
  SseShutdownService,
  type SseConnection,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { RecordingObserver } from '../support/recording-observer.js';
import { request } from '../support/request.js';
import { until } from '../support/until.js';

const facts = new Facts();

@Controller('streams')
class Streams {
  last!: SseConnection;

  @Sse(['of/:user', 'all']) never(@SseClient() client: SseConnection) {
    this.last = client;
    return NEVER;
  }
  @Sse('three') three() {
    return [1, 2, 3];
  }
  @Sse('slow', { commit: 'firstEvent' }) async slow(@SseClient() client: SseConnection) {
    this.last = client;
    facts.tell('called');
    await facts.until('go on');
    facts.tell('went on');
    return ['late'];
  }
  @Sse('twice') twice(@SseClient() client: SseConnection) {
    return new Observable((subscriber) => {
      subscriber.next(1);
      subscriber.complete();
      client.close();
      subscriber.complete();
    });
  }
  @Sse('nothing') nothing() {
    return null;
  }
  @Sse('json') json() {
    return SseResponse.json({ n: 1 });
  }
  @Sse('fails') fails(): string[] {
    throw new ImATeapotException();
  }
  @Sse('dropping', { buffer: { maxBytes: 1_000, overflow: 'dropNewest' } }) dropping(
    @SseClient() client: SseConnection,
  ) {
    this.last = client;
    return NEVER;
  }
}

describe.each(platforms)('what an observer is told on $name', (platform) => {
  let running: Running;
  let observer: RecordingObserver;
  let streams: Streams;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  beforeEach(async () => {
    facts.forget();
    logged.mockClear();
    running = await start(platform, { imports: [SseModule.forRoot({ ping: false })], controllers: [Streams] });
    streams = running.app.get(Streams);
    observer = new RecordingObserver();
    running.app.get(Observers).add(observer);
  });
  afterEach(() => running.app.close());

  /** What was told, when everything is over that came before. */
  const told = async () => {
    const before = [...observer.told];
    await (await open(running, '/streams/three')).rest();
    await until(() => observer.told.length >= before.length + 3);
    const after = observer.told.filter((fact) => !String(fact).includes('/streams/three'));
    expect(after.slice(0, before.length)).toEqual(before.filter((fact) => !String(fact).includes('/streams/three')));
    return after;
  };

  it('that a stream was opened, and that it was closed, by its route', async () => {
    const client = await open(running, '/streams/of/ada?token=secret');
    await observer.until('opened /streams/of/:user');
    client.leave();
    await observer.until('closed /streams/of/:user client_left');
    await (await open(running, '/streams/three')).rest();
    await observer.until('closed /streams/three source_completed');
    expect(observer.told).toEqual([
      'opened /streams/of/:user',
      'closed /streams/of/:user client_left',
      'opened /streams/three',
      'first event /streams/three',
      'closed /streams/three source_completed',
    ]);
  });

  it('of a request without a stream, that it was refused and why', async () => {
    for (const path of ['nothing', 'json', 'fails']) await request(running).get(`/streams/${path}`);
    await request(running).head('/streams/three');
    await until(() => observer.told.length === 4);
    expect(await told()).toEqual([
      'refused /streams/nothing source_completed',
      'refused /streams/json source_completed',
      'refused /streams/fails source_failed',
    ]);
    expect(observer.told[3]).toBe('refused /streams/three source_completed');
  });

  it('of a request that comes while the server closes, that it was refused', async () => {
    const client = await open(running, '/streams/all');
    void running.app.get(SseShutdownService).shutdown();
    await client.rest();
    await (await open(running, '/streams/three')).rest();
    await observer.until('refused /streams/three server_closing');
    expect(observer.told).toEqual([
      'opened /streams/all',
      'draining 1',
      'closed /streams/all server_closing',
      'refused /streams/three server_closing',
    ]);
  });

  it('one thing of a client that leaves while its stream opens', async () => {
    const leaving = new AbortController();
    const answer = open(running, '/streams/slow', { signal: leaving.signal });
    await facts.until('called');
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await observer.until('refused /streams/slow client_left');
    facts.tell('go on');
    await facts.until('went on');
    expect(await told()).toEqual(['refused /streams/slow client_left']);
  });

  it('one end of a source that completes twice, and is closed in between', async () => {
    await (await open(running, '/streams/twice')).rest();
    expect(await told()).toEqual([
      'opened /streams/twice',
      'first event /streams/twice',
      'closed /streams/twice source_completed',
    ]);
  });

  it('one end of a stream that is cut off by whoever hears of its end', async () => {
    const client = await open(running, '/streams/all');
    const { last } = streams;
    last.signal.addEventListener('abort', () => last.close({ code: 'write_timeout' }));
    last.close({ code: 'slow_client' });
    await expect(client.rest()).rejects.toThrow();
    expect(await told()).toEqual(['opened /streams/all', 'closed /streams/all write_timeout']);
    expect(running.app.get(SseConnections).closed).toMatchObject({ write_timeout: 1, source_completed: 1 });
    expect(running.app.get(SseConnections).closed).not.toHaveProperty('slow_client');
  });

  it('an opening before its end, also when a listener ends it', async () => {
    running.app.get(Observers).add({ opened: (connection) => connection.close({ event: 'sorry' }) });
    const client = await open(running, '/streams/all');
    expect((await client.rest()).map(({ data }) => data)).toEqual(['sorry']);
    await observer.until('closed /streams/all kicked');
    expect(observer.told).toEqual(['opened /streams/all', 'closed /streams/all kicked']);
  });

  it('of a listener that throws, and the stream goes on', async () => {
    const broken = new Error('a broken listener');
    const throws = () => {
      throw broken;
    };
    running.app
      .get(Observers)
      .add({ opened: throws, firstEvent: throws, closed: throws, refused: throws, failed: throws });
    expect((await (await open(running, '/streams/three')).rest()).map(({ data }) => data)).toEqual(['1', '2', '3']);
    await request(running).get('/streams/nothing');
    await observer.until('refused /streams/nothing source_completed');
    expect(observer.told).toEqual([
      'opened /streams/three',
      `failed ${String(broken)}`,
      'first event /streams/three',
      `failed ${String(broken)}`,
      'closed /streams/three source_completed',
      `failed ${String(broken)}`,
      'refused /streams/nothing source_completed',
      `failed ${String(broken)}`,
    ]);
    expect(logged).toHaveBeenCalledWith(broken);
  });

  it('of drops once, until the client has read everything', async () => {
    const client = await open(running, '/streams/dropping');
    const { last } = streams;
    const event = 'x'.repeat(65_536);
    const overflow = async () => {
      await until(() => last.send(event) && last.bufferedBytes > 0);
      await until(() => !last.send(event));
      last.send(event);
    };
    await overflow();
    expect(observer.told).toEqual([
      'opened /streams/dropping',
      'first event /streams/dropping',
      'dropped /streams/dropping',
    ]);
    await client.until(() => last.bufferedBytes === 0);
    await overflow();
    expect(observer.told.slice(3)).toEqual(['dropped /streams/dropping']);
    const { eventsDropped } = last;
    expect(eventsDropped).toBeGreaterThanOrEqual(4);
    client.leave();
    await observer.until('closed /streams/dropping client_left');
    expect(running.app.get(SseConnections).eventsDropped).toBe(eventsDropped);
  });

  it('of a first event once, and only of what a client takes for one', async () => {
    const client = await open(running, '/streams/all');
    const { last } = streams;
    last.comment('no event');
    last.send({ retry: 1_000 });
    await client.until(({ comments, retry }) => comments.length === 1 && retry === 1_000);
    expect(observer.told).toEqual(['opened /streams/all']);
    expect(last.firstEventAt).toBeUndefined();
    for (const data of ['a', 'b']) last.send({ data });
    await client.events(2);
    expect(observer.told).toEqual(['opened /streams/all', 'first event /streams/all']);
    expect(last.firstEventAt).toBeGreaterThanOrEqual(last.arrivedAt);
    client.leave();
  });

  it('of a first event, and the listener may end the stream', async () => {
    running.app.get(Observers).add({ firstEvent: (connection) => connection.close('enough') });
    const client = await open(running, '/streams/three');
    expect((await client.rest()).map(({ data }) => data)).toEqual(['1', '2', '3']);
    await observer.until('closed /streams/three source_completed');
    const other = await open(running, '/streams/all');
    streams.last.send('one');
    expect(await other.rest()).toHaveLength(1);
    await observer.until('closed /streams/all kicked');
  });

  it('nothing once it is removed', async () => {
    running.app.get(Observers).remove(observer);
    await (await open(running, '/streams/three')).rest();
    running.app.get(Observers).add(observer);
    expect(await told()).toEqual([]);
  });
});

describe.each(platforms.filter(({ name }) => name !== 'express'))('what an observer is told on $name', (platform) => {
  let running: Running;
  const observer = new RecordingObserver();
  jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  beforeEach(async () => {
    facts.forget();
    observer.forget();
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [Streams] }, (app) => {
      const hook = async () => {
        facts.tell('hook runs');
        await facts.until('hook goes on');
        if (facts.told.includes('hook fails')) throw new ImATeapotException();
      };
      (app as NestFastifyApplication).getHttpAdapter().getInstance().addHook('onSend', hook);
    });
    running.app.get(Observers).add(observer);
  });
  afterEach(() => running.app.close());

  it('that a stream was opened when a hook has let its headers go, and not before', async () => {
    const answer = open(running, '/streams/three');
    await facts.until('hook runs');
    await new Promise(setImmediate);
    expect(observer.told).toEqual([]);
    facts.tell('hook goes on');
    await (await answer).rest();
    await observer.until('closed /streams/three source_completed');
    expect(observer.told).toEqual([
      'opened /streams/three',
      'first event /streams/three',
      'closed /streams/three source_completed',
    ]);
  });

  it('that a request was refused whose hook fails', async () => {
    facts.tell('hook fails');
    facts.tell('hook goes on');
    await request(running).get('/streams/three');
    await observer.until('refused /streams/three source_failed');
    expect(observer.told).toEqual(['refused /streams/three source_failed']);
  });

  it('that a request was refused whose client leaves while a hook runs', async () => {
    const leaving = new AbortController();
    const answer = open(running, '/streams/all', { signal: leaving.signal });
    await facts.until('hook runs');
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await observer.until('refused /streams/all client_left');
    facts.tell('hook goes on');
    await (await open(running, '/streams/three')).rest();
    await observer.until('closed /streams/three source_completed');
    expect(observer.told.slice(1)).toEqual([
      'opened /streams/three',
      'first event /streams/three',
      'closed /streams/three source_completed',
    ]);
  });
});
