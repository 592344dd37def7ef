import 'reflect-metadata';
import { Catch, Controller, ImATeapotException, Res, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { concat, defer, interval, map, of } from 'rxjs';
import { Sse, SseClient, SseConnections, SseModule, SseResponse, type SseConnection } from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';
import { until } from '../support/until.js';

/** Set per project in jest.config.js. */
declare const nestMajor: 11 | 12;

interface Reply {
  header(name: string, value: string): Reply;
  getHeader(name: string): unknown;
}
type Done = (error?: Error) => void;

const facts = new Facts();

/** What the `onSend` hook does, by the path of the request. */
const hooks: Record<string, (reply: Reply, done: Done) => unknown> = {
  '/callback': (reply, done) => {
    reply.header('x-hook', String(reply.getHeader('x-handler')));
    done();
  },
  '/late-callback': (reply, done) => {
    setImmediate(() => {
      reply.header('x-hook', String(reply.getHeader('x-handler')));
      done();
    });
  },
  '/promise': async (reply) => {
    await new Promise(setImmediate);
    reply.header('x-hook', String(reply.getHeader('x-handler')));
  },
  '/fails/callback': (_, done) => done(new ImATeapotException()),
  '/fails/late-callback': (_, done) => setImmediate(done, new ImATeapotException()) && undefined,
  '/fails/promise': () => Promise.reject(new ImATeapotException()),
  '/fails/throws': () => {
    throw new ImATeapotException();
  },
  '/stuck': (_, done) => {
    facts.tell('hook runs');
    void facts.until('hook may go on').then(() => done());
  },
  '/stuck-fails': (_, done) => {
    facts.tell('hook runs');
    void facts.until('filtered').then(() => done());
  },
};

@Catch(ImATeapotException)
class TeapotFilter implements ExceptionFilter {
  catch(_: unknown, host: ArgumentsHost): void {
    // Not again for this answer.
    failing = false;
    facts.tell('filtered');
    host
      .switchToHttp()
      .getResponse<{ status(code: number): { send(body: object): void } }>()
      .status(418)
      .send({ by: 'filter' });
  }
}
let failing = true;

@Controller()
class HookedController {
  @Sse(['callback', 'late-callback', 'promise'], { retryMs: 3 }) async *stream(
    @Res({ passthrough: true }) reply: Reply,
  ) {
    reply.header('x-handler', 'generator');
    yield* [1, 2, 3];
  }

  @Sse('stuck-fails', { commit: 'firstEvent' }) stuckFails() {
    const failing = defer(async () => {
      await facts.until('hook runs');
      throw new ImATeapotException();
    });
    return concat(of('never sent'), failing);
  }

  @Sse('fails/:how') fails() {
    facts.tell('source made');
    return of(1);
  }

  @Sse('stuck') stuck(@SseClient() client: SseConnection) {
    facts.tell(client);
    return new SseResponse(interval(1).pipe(map(() => 'x'.repeat(1_000))), {
      buffer: { maxBytes: 10_000 },
      onClose: ({ code }) => facts.tell(code),
    });
  }
}

describe.each(platforms.filter(({ name }) => name !== 'express'))('onSend hooks on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [HookedController] }, (app) => {
      app.useGlobalFilters(new TeapotFilter());
      (app as NestFastifyApplication)
        .getHttpAdapter()
        .getInstance()
        .addHook('onSend', (request, reply, _payload, done) => {
          const hook = hooks[request.url];
          if (!hook || !failing) return done();
          facts.tell(`hook of ${request.url}`);
          return hook(reply, done) as never;
        });
    });
  });
  beforeEach(() => {
    facts.forget();
    failing = true;
  });
  afterEach(() => until(() => [...running.app.get(SseConnections)].length === 0));
  afterAll(() => running.app.close());

  it.each(['/callback', '/late-callback', '/promise'])('run once, when the headers are complete: %s', async (path) => {
    const client = await open(running, path);
    expect(client.headers['x-hook']).toBe('generator');
    await client.rest();
    expect(client.text).toBe('retry: 3\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n');
    expect(facts.told).toEqual([`hook of ${path}`]);
  });

  it.each(['callback', 'late-callback', 'promise', 'throws'])(
    'that fail are answered by the exception filters: %s',
    async (path) => {
      await request(running).get(`/fails/${path}`).expect(418, { by: 'filter' });
      expect(facts.told).toEqual(['source made', `hook of /fails/${path}`, 'filtered']);
    },
  );

  // light-my-request requires a package that is ESM only beside Nest 12, and jest on Node 20 cannot.
  if (nestMajor === 11) {
    it('run for inject() too, which gets a finite stream whole', async () => {
      const { statusCode, headers, body } = await (running.app as NestFastifyApplication).inject('/promise');
      expect(statusCode).toBe(200);
      expect(headers['x-hook']).toBe('generator');
      expect(body).toBe('retry: 3\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n');
    });
  }

  it('keep events back, within the limits of the buffer', async () => {
    const answer = open(running, '/stuck').then((client) => client.rest());
    await facts.until('slow_client');
    facts.tell('hook may go on');
    await expect(answer).rejects.toThrow();
  });

  it('that are still running when the source fails leave its error its status', async () => {
    await request(running).get('/stuck-fails').expect(418, { by: 'filter' });
    expect(facts.told).toContain('hook runs');
    await until(() => running.app.get(SseConnections).size === 0);
  });

  it('that are still running when the client leaves release its source', async () => {
    const leaving = new AbortController();
    const answer = open(running, '/stuck', { signal: leaving.signal });
    await facts.until('hook runs');
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await facts.until('client_left');
    facts.tell('hook may go on');
  });

  it('that are still running when the connection is closed let the stream end cleanly', async () => {
    const answer = open(running, '/stuck').then((client) => client.rest());
    await facts.until('hook runs');
    for (const connection of running.app.get(SseConnections)) connection.close();
    facts.tell('hook may go on');
    expect((await answer).every(({ data }) => data.startsWith('x'))).toBe(true);
    await facts.until('kicked');
  });
});
