import 'reflect-metadata';
import { Controller, Logger, Param } from '@nestjs/common';
import { Readable } from 'node:stream';
import { interval, NEVER, of, throwError } from 'rxjs';
import { map } from 'rxjs/operators';
import {
  Sse,
  SseClient,
  SseConnections,
  SseModule,
  SseResponse,
  type SseConnection,
  type SseResponseOptions,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

const facts = new Facts();

async function* endless(text: string) {
  for (;;) yield await Promise.resolve(text);
}

const answers: Record<string, [source: () => unknown, options?: SseResponseOptions]> = {
  plain: [() => of('a', 'b')],
  headers: [() => of('a'), { headers: { 'X-Accel-Buffering': 'yes', 'X-Mine': 'yes', 'Cache-Control': null } }],
  status: [() => of('a'), { status: 206 }],
  lineEnding: [() => of('a\nb'), { lineEnding: '\r\n' }],
  retry: [() => of('a'), { retryMs: 77 }],
  serialize: [() => of({ data: new Date(0) }), { serialize: (data) => `~${(data as Date).getTime()}` }],
  ping: [() => NEVER, { ping: { intervalMs: 5, event: () => ({ comment: 'mine' }) } }],
  errorEvent: [() => endThenFail(), { errorEvent: () => ({ type: 'mine' }) }],
  firstEvent: [() => of('a'), { commit: 'firstEvent', done: 'bye' }],
  nothing: [() => null, { headers: { 'X-Mine': 'yes' } }],
};

async function* endThenFail() {
  yield 'a';
  throw new Error('secret');
}

/** How a stream ends, for each reason that there is. */
const endings: Record<string, [source: (client: SseConnection) => unknown, options?: SseResponseOptions]> = {
  source_completed: [() => []],
  source_failed: [() => throwError(() => new Error())],
  client_left: [() => endless('a')],
  write_timeout: [() => endless('x'.repeat(65_536)), { writeTimeoutMs: 40 }],
  slow_client: [() => interval(0).pipe(map(() => 'x'.repeat(1_048_576))), { buffer: { maxBytes: 2_000_000 } }],
  lifetime_over: [(client) => closing(client, { code: 'lifetime_over' })],
  kicked: [(client) => closing(client, 'signed out')],
  server_closing: [() => NEVER],
};

async function* closing(client: SseConnection, reason: Parameters<SseConnection['close']>[0]) {
  yield 'a';
  client.close(reason);
  yield 'never';
}

@Controller()
class ResponseController {
  @Sse('answer/:name', { retryMs: 5, headers: { 'x-route': 'yes' } })
  answer(@Param('name') name: string) {
    const [source = () => undefined, options] = answers[name] ?? [];
    return new SseResponse(source(), options);
  }

  @Sse('promised') async promised() {
    return new SseResponse(Promise.resolve(['a']), {});
  }

  @Sse('end/:code') end(@Param('code') code: string, @SseClient() client: SseConnection) {
    const [source = () => undefined, options] = endings[code] ?? [];
    return new SseResponse(source(client), { ...options, onClose: (reason) => facts.tell(reason) });
  }

  @Sse('on-close-throws') onCloseThrows() {
    return new SseResponse(['a'], {
      onClose: () => {
        throw new Error('in onClose');
      },
    });
  }

  @Sse('bad') bad() {
    const readable = new Readable({ read() {}, destroy: () => facts.tell('destroyed') });
    return new SseResponse(readable, { buffer: { maxBytes: 0 }, onClose: ({ code }) => facts.tell(code) });
  }
}

describe.each(platforms)('SseResponse on $name', (platform) => {
  let running: Running;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  const startApp = () => start(platform, { imports: [SseModule.forRoot()], controllers: [ResponseController] });

  beforeAll(async () => {
    running = await startApp();
  });
  beforeEach(() => {
    facts.forget();
    logged.mockClear();
  });
  afterAll(() => running.app.close());

  const textOf = async (path: string) => {
    const client = await open(running, path);
    await client.rest();
    return client.text;
  };

  it('is a source with the options of its route', async () => {
    expect(await textOf('/answer/plain')).toBe('retry: 5\n\ndata: a\n\ndata: b\n\n');
  });

  it('may set headers, or take them away', async () => {
    const client = await open(running, '/answer/headers');
    await client.rest();
    expect(client.headers).toMatchObject({ 'x-accel-buffering': 'yes', 'x-mine': 'yes', 'x-route': 'yes' });
    expect(client.headers).not.toHaveProperty('cache-control');
  });

  it('may set the status', async () => {
    await request(running).get('/answer/status').expect(206);
  });

  it.each([
    ['lineEnding', 'retry: 5\r\n\r\ndata: a\r\ndata: b\r\n\r\n'],
    ['retry', 'retry: 77\n\ndata: a\n\n'],
    ['serialize', 'retry: 5\n\ndata: ~0\n\n'],
    ['errorEvent', 'retry: 5\n\ndata: a\n\nevent: mine\ndata: \n\n'],
    ['firstEvent', 'retry: 5\n\ndata: a\n\ndata: bye\n\n'],
  ])('may set %s', async (name, text) => {
    expect(await textOf(`/answer/${name}`)).toBe(text);
  });

  it('may set its own ping, also where the source is silent', async () => {
    const client = await open(running, '/answer/ping');
    await client.until(({ comments }) => comments.length > 1);
    expect(new Set(client.comments)).toEqual(new Set(['mine']));
    client.leave();
  });

  it('of null is 204, with headers', async () => {
    const { headers } = await request(running).get('/answer/nothing').expect(204);
    expect(headers['x-mine']).toBe('yes');
  });

  it('of a promise is refused: await it first', async () => {
    await request(running).get('/promised').expect(500);
    expect(String(logged.mock.calls[0]?.[0])).toMatch(/Await it first/);
  });

  it('with bad options answers 500, releases its source and tells onClose', async () => {
    await request(running).get('/bad').expect(500);
    expect(facts.told).toEqual(['destroyed', 'source_failed']);
  });

  describe('onClose', () => {
    it.each(['source_completed', 'kicked', 'lifetime_over'])('is told of a clean end: %s', async (code) => {
      const client = await open(running, `/end/${code}`);
      const data = (await client.rest()).map((event) => event.data);
      expect(data).toEqual(code === 'source_completed' ? [] : ['a']);
      expect(facts.told).toEqual([{ code, reason: expect.any(String) }]);
      if (code === 'kicked') expect(facts.told).toEqual([{ code, reason: 'signed out' }]);
    });

    it('is told of a source that failed, with the error', async () => {
      await request(running).get('/end/source_failed').expect(500);
      expect(facts.told).toEqual([{ code: 'source_failed', reason: expect.any(String), error: expect.any(Error) }]);
    });

    it.each(['client_left', 'write_timeout', 'slow_client'])('is told of a client that was lost: %s', async (code) => {
      const client = await open(running, `/end/${code}`);
      const [connection] = running.app.get(SseConnections);
      if (code === 'client_left') client.leave();
      expect(await connection?.closed).toMatchObject({ code });
      expect(facts.told).toEqual([expect.objectContaining({ code })]);
      if (code !== 'client_left') await expect(client.rest()).rejects.toThrow();
    });

    it('is told that the server closes', async () => {
      const closing = await startApp();
      const client = await open(closing, '/end/server_closing');
      await Promise.all([closing.app.close(), client.rest()]);
      expect(facts.told).toEqual([expect.objectContaining({ code: 'server_closing' })]);
    });

    it('that throws is logged, and does no harm', async () => {
      expect(await textOf('/on-close-throws')).toBe('data: a\n\n');
      expect(logged.mock.calls).toEqual([[new Error('in onClose')]]);
    });
  });
});
