import 'reflect-metadata';
import { Controller, Headers, Module, UnauthorizedException, type INestApplication, type Type } from '@nestjs/common';
import * as betterSse from 'better-sse';
import type { AddressInfo, Server } from 'node:net';
import * as timers from 'node:timers/promises';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseModule, SseStream } from '../../lib/index.js';
import { open } from '../support/client.js';
import { controllerOf, run } from '../support/paper-app.js';
import { platforms, start, type Running } from '../support/platforms.js';

interface Doorkeeper {
  enter(user: { id: string }, room: string): Promise<void>;
}
interface Bouncer {
  ban(user: { id: string }): Promise<void>;
}

const platform = platforms[0]!;

/** The files of the first page, as its reader has them. */
function gettingStarted() {
  const page = 'docs/GETTING-STARTED.md';
  const controller = run(page, 'class OrdersController');
  const app = run(page, 'class AppModule', { './orders.controller.js': controller });
  return { AppModule: app.AppModule as Type, main: run(page, 'function main', { './app.module.js': app }).main };
}

const services = {
  llm: {
    async *stream() {
      yield* await Promise.resolve([{ data: { text: 'Hel' } }, { data: { text: 'lo' } }]);
    },
  },
  jobs: {
    async run(_: string, onPercent: (percent: number) => Promise<boolean>) {
      for (const percent of [50, 100]) await onPercent(percent);
    },
  },
};

// compiler.spec.ts compiles every block. These are run, word for word.
describe('the code of the papers', () => {
  let running: Running | undefined;
  const serve = async (...controllers: Type[]) => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers });
    return running;
  };
  afterEach(async () => {
    await running?.app.close();
    running = undefined;
  });

  it('README.md: twelve lines', async () => {
    const { AppModule } = run('README.md', 'class ClockController') as { AppModule: Type };
    running = await start(platform, { imports: [AppModule] });
    const client = await open(running, '/clock');
    expect(await client.event()).toMatchObject({ event: 'tick', data: '{"n":0}' });
    client.leave();
  });

  it('GETTING-STARTED.md: what is published arrives, and what was missed', async () => {
    process.env.PORT = '0';
    const app = await (gettingStarted().main as () => Promise<INestApplication>)();
    delete process.env.PORT;
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    running = { app, url: `http://127.0.0.1:${port}`, http2: false };
    const order = async (total: number) =>
      void (await open(running!, '/orders', { method: 'POST', body: { total } })).leave();
    const client = await open(running, '/orders/feed');
    await order(20);
    const first = await client.event();
    expect(first).toMatchObject({ event: 'created', data: '{"total":20}' });
    client.leave();
    await order(21);
    await order(22);
    const again = await open(running, '/orders/feed', { headers: { 'Last-Event-ID': first!.id! } });
    expect((await again.events(2)).map(({ data }) => data)).toEqual(['{"total":21}', '{"total":22}']);
    again.leave();
  });

  it('EVENTS.md: what the comments say', async () => {
    await serve(
      controllerOf('docs/EVENTS.md', '*examples()'),
      controllerOf('docs/EVENTS.md', '*rows()'),
      controllerOf('docs/EVENTS.md', '*numbers('),
    );
    const examples = await open(running!, '/examples');
    await examples.rest();
    expect(examples.text).toBe(
      [
        'data: text\n\n',
        'data: 7\n\n',
        'data: {"total":20}\n\n',
        'event: created\nid: order-7\ndata: 1\n\n',
        'data: two\ndata: lines\n\n',
        'retry: 5000\n\n',
        ': people see it in curl\n\n',
        'event: bell\ndata: \n\n',
        'event: tick\ndata: {"n":1}\n\n',
      ].join(''),
    );
    expect(await (await open(running!, '/rows')).rest()).toMatchObject([{ data: '{"id":7,"type":"invoice"}' }]);
    const numbers = await open(running!, '/numbers', { headers: { 'Last-Event-ID': '98' } });
    expect((await numbers.rest()).map(({ id, data }) => [id, data])).toEqual([
      ['99', '99'],
      ['100', '100'],
    ]);
  });

  it('SOURCES.md: a generator, a queue and a list', async () => {
    const page = 'docs/SOURCES.md';
    await serve(
      controllerOf(page, 'async *answer(', () => services),
      controllerOf(page, 'new SseQueue(', () => services),
      controllerOf(page, 'hello() {'),
    );
    const datas = async (path: string, method = 'GET') =>
      (await (await open(running!, path, { method, body: method === 'POST' ? {} : undefined })).rest()).map(
        ({ data }) => data,
      );
    expect(await datas('/answer', 'POST')).toEqual(['{"text":"Hel"}', '{"text":"lo"}', '[DONE]']);
    expect(await datas('/import?file=a')).toEqual(['{"percent":50}', '{"percent":100}']);
    expect(await datas('/hello')).toEqual(['{"name":"Ada"}', 'one', 'two']);
  });

  it('SHUTDOWN.md: a handler says goodbye by itself', async () => {
    await serve(controllerOf('docs/SHUTDOWN.md', 'async *job('));
    const client = await open(running!, '/job');
    expect(await client.event()).toMatchObject({ data: '{"percent":0}' });
    const closing = running!.app.close();
    expect((await client.rest()).at(-1)).toMatchObject({ event: 'paused' });
    await closing;
  });

  it('LLM.md: an answer is started, read from its beginning after its end, and unknown otherwise', async () => {
    const Llm = class {
      stream = services.llm.stream;
    };
    const { AnswersController } = run('docs/LLM.md', 'class AnswersController', {
      './test/support/paper-names.js': { Llm, PromptDto: Object },
    }) as { AnswersController: Type };
    running = await start(platform, {
      imports: [SseModule.forRoot()],
      controllers: [AnswersController],
      providers: [Llm],
    });
    const started = await fetch(`${running.url}/answers`, {
      method: 'POST',
      body: new URLSearchParams({ prompt: 'Hi' }),
    });
    const { id } = (await started.json()) as { id: string };
    const answer = await (await open(running, `/answers/${id}`)).rest();
    expect(answer.map(({ data }) => data).filter(Boolean)).toEqual(['{"text":"Hel"}', '{"text":"lo"}']);
    expect((await open(running, '/answers/other')).status).toBe(204);
  });

  it('SECURITY.md: a guard answers 401 before the stream, and tells the handler who it is', async () => {
    const { NotificationsController } = run('docs/SECURITY.md', 'class AuthGuard', {
      './test/support/paper-names.js': {
        User: Object,
        userOf: (header?: string) => (header === 'Bearer ann' ? { id: 'ann' } : undefined),
      },
    }) as { NotificationsController: Type };
    await serve(NotificationsController);
    const stranger = await open(running!, '/notifications');
    expect([stranger.status, JSON.parse(await stranger.rest().then(() => stranger.text))]).toEqual([
      401,
      { message: 'Unauthorized', statusCode: 401 },
    ]);
    const client = await open(running!, '/notifications', { headers: { Authorization: 'Bearer ann' } });
    await running!.app.get(SseBroadcaster).publish('user.bob', { data: 'not for ann' });
    await running!.app.get(SseBroadcaster).publish('user.ann', { data: 'for ann' });
    expect(await client.event()).toMatchObject({ data: 'for ann' });
    client.leave();
  });

  it('NODES.md: a worker publishes, and who comes late gets all of it', async () => {
    const { Imports } = run('docs/NODES.md', 'class Imports') as {
      Imports: new (broadcaster: SseBroadcaster) => { run(id: string): Promise<void> };
    };
    await serve(controllerOf('docs/NODES.md', "@Sse('imports/:id')"));
    expect((await open(running!, '/imports/7')).status).toBe(204);
    await new Imports(running!.app.get(SseBroadcaster)).run('7');
    const datas = (await (await open(running!, '/imports/7')).rest()).map(({ data }) => data).filter(Boolean);
    expect(datas).toEqual([0, 25, 50, 75, 100].map((percent) => `{"percent":${percent}}`));
  });

  it('LLM.md: a model is read until [DONE]', async () => {
    const { Model } = run('docs/LLM.md', 'class Model') as {
      Model: new () => { stream(prompt: string, signal: AbortSignal): AsyncIterable<string> };
    };
    const chunk = (content?: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
    const body = new Blob([chunk('Hel'), chunk('lo'), chunk(), 'data: {"choices":[]}\n\ndata: [DONE]\n\n']).stream();
    const fetched = jest.spyOn(globalThis, 'fetch').mockResolvedValue({ ok: true, body } as unknown as Response);
    const { signal } = new AbortController();
    try {
      const tokens: string[] = [];
      for await (const token of new Model().stream('Hi', signal)) tokens.push(token);
      expect(tokens.join('')).toBe('Hello');
      expect(fetched.mock.calls[0]![1]!.signal).toBe(signal);
    } finally {
      fetched.mockRestore();
    }
  });

  it('FROM-BETTER-SSE.md: before and after, a client hears of each article', async () => {
    const page = 'docs/FROM-BETTER-SSE.md';
    const { NewsBefore } = run(page, 'class NewsBefore', { 'better-sse': betterSse }) as { NewsBefore: Type };
    const { News } = run(page, 'class News {') as { News: Type };
    for (const controller of [NewsBefore, News]) {
      await serve(controller);
      const client = await open(running!, '/news');
      await (await open(running!, '/news', { method: 'POST', body: { title: 'One' } })).rest();
      const article = (await client.events(1))[0];
      expect(article).toMatchObject({ event: 'article', data: '{"title":"One"}' });
      client.leave();
      await running!.app.close();
    }
    running = undefined;
  });

  it('FROM-SSE-STARLETTE.md: ticks, and what is released when the client leaves', async () => {
    const { TicksController } = run('docs/FROM-SSE-STARLETTE.md', 'class TicksController', {
      'node:timers/promises': timers,
    }) as { TicksController: Type };
    await serve(TicksController);
    const released = new Promise<string>((resolve) => jest.spyOn(console, 'log').mockImplementationOnce(resolve));
    const client = await open(running!, '/ticks');
    expect(await client.event()).toMatchObject({ event: 'tick', id: '0', data: '{"n":0}' });
    client.leave();
    expect(await released).toBe('released');
  });

  it('CHANNELS.md: rooms that a stream and a user enter', async () => {
    await serve(controllerOf('docs/CHANNELS.md', 'async rooms('));
    const client = await open(running!, '/rooms');
    const broadcaster = running!.app.get(SseBroadcaster);
    const { Example } = run('docs/CHANNELS.md', 'async rooms(') as { Example: { prototype: Doorkeeper } };
    await Example.prototype.enter.call({ broadcaster }, { id: 'ann' }, 'room.7');
    for (const channel of ['user.ann', 'lobby', 'room.7']) await broadcaster.publish(channel, { data: channel });
    // Sorted: there is no order between channels.
    expect((await client.events(3)).map(({ data }) => data).sort()).toEqual(['lobby', 'room.7', 'user.ann']);
    client.leave();
  });

  it('SECURITY.md: the streams of a user who is banned end, and the user is kept out', async () => {
    @Controller()
    class Mine {
      constructor(private readonly broadcaster: SseBroadcaster) {}
      @Sse('mine') mine(@SseClient() client: SseConnection) {
        client.context.userId = 'ann';
        return this.broadcaster.subscribe('a');
      }
    }
    await serve(Mine);
    const broadcaster = running!.app.get(SseBroadcaster);
    const client = await open(running!, '/mine');
    const { Example } = run('docs/SECURITY.md', 'async ban(') as { Example: { prototype: Bouncer } };
    await Example.prototype.ban.call({ broadcaster }, { id: 'ann' });
    expect((await client.rest()).at(-1)).toMatchObject({ event: 'banned' });
    expect((await open(running!, '/mine')).status).toBe(403);
  });
});

describe('TESTING.md', () => {
  @Controller()
  class Hello {
    @Sse('hello') hello() {
      return new SseStream(['hello']);
    }
  }
  @Controller('orders')
  class Orders {
    constructor(private readonly broadcaster: SseBroadcaster) {}
    @Sse('feed') feed(@Headers('authorization') token: string) {
      if (token !== 'Bearer ann') throw new UnauthorizedException();
      return this.broadcaster.subscribe('orders');
    }
  }
  @Controller('orders')
  class OpenOrders {
    constructor(private readonly broadcaster: SseBroadcaster) {}
    @Sse('feed') feed() {
      return this.broadcaster.subscribe('orders');
    }
  }
  @Module({ imports: [SseModule.forRoot()], controllers: [Orders] })
  class OrdersModule {}
  @Module({ imports: [SseModule.forRoot()], controllers: [Hello, OpenOrders] })
  class HelloModule {}
  const own = {
    './test/support/paper-names.js': {
      AppModule: OrdersModule,
      startTestApp: async () => (await start(platform, { imports: [HelloModule] })).app,
    },
  };

  // Each of these is a test itself, or some, with their hooks.
  const titles = ['ticks', 'sends what is published', 'pings a silent client', 'publishes a new order', 'says hello'];
  describe.each(titles)('the block with: %s', (title) => void run('docs/TESTING.md', `it('${title}'`, own));
});
