import 'reflect-metadata';
import fastifyCookie from '@fastify/cookie';
import { Controller, Res, UseInterceptors, type INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import cookieParser from 'cookie-parser';
import type { NextFunction, Request, Response } from 'express';
import { of, throwError } from 'rxjs';
import { tap } from 'rxjs/operators';
import { Sse, SseModule, SseResponse } from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';

/** What Express's response and, with @fastify/cookie, Fastify's reply have under different names. */
interface Reply {
  cookie?(name: string, value: string): unknown;
  setCookie?(name: string, value: string): unknown;
}

function setCookie(reply: Reply, name: string, value: string): void {
  if (reply.setCookie) reply.setCookie(name, value);
  else reply.cookie?.(name, value);
}

const facts = new Facts();

/** As express-session does it: a header when the headers are written, and work to be done before the end. */
function expressSession(_: Request, res: Response, next: NextFunction): void {
  const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => Response;
  const end = res.end.bind(res) as (...args: unknown[]) => Response;
  res.writeHead = (...args: unknown[]) => {
    res.append('Set-Cookie', 'session=s1');
    return writeHead(...args);
  };
  res.end = (...args: unknown[]) => {
    facts.tell('session saved');
    return end(...args);
  };
  next();
}

async function useCookies(app: INestApplication): Promise<void> {
  if (app.getHttpAdapter().getType() === 'express') {
    app.use(cookieParser());
    app.use('/session', expressSession);
    return;
  }
  const fastify = app as NestFastifyApplication;
  await fastify.register(fastifyCookie as never);
  // As @fastify/session does it: the store is asked first.
  fastify
    .getHttpAdapter()
    .getInstance()
    .addHook('onSend', async (request, reply) => {
      if (!request.url.startsWith('/session')) return;
      await new Promise(setImmediate);
      (reply as Reply).setCookie?.('session', 's1');
      facts.tell('session saved');
    });
}

@Controller()
class CookieController {
  @Sse('handler') handler(@Res({ passthrough: true }) reply: Reply) {
    setCookie(reply, 'a', '1');
    setCookie(reply, 'b', '2');
    return of('hi');
  }

  @Sse('generator') async *generator(@Res({ passthrough: true }) reply: Reply) {
    setCookie(reply, 'a', '1');
    await Promise.resolve();
    setCookie(reply, 'b', '2');
    yield 'hi';
  }

  @Sse('interceptor')
  @UseInterceptors({
    intercept: (context, next) => {
      setCookie(context.switchToHttp().getResponse(), 'a', '1');
      return next.handle().pipe(tap(() => facts.tell('too late for headers')));
    },
  })
  interceptor(@Res({ passthrough: true }) reply: Reply) {
    setCookie(reply, 'b', '2');
    return ['hi'];
  }

  @Sse('nothing') nothing(@Res({ passthrough: true }) reply: Reply) {
    setCookie(reply, 'a', '1');
    setCookie(reply, 'b', '2');
    return null;
  }

  @Sse('json') json(@Res({ passthrough: true }) reply: Reply) {
    setCookie(reply, 'a', '1');
    setCookie(reply, 'b', '2');
    return SseResponse.json({});
  }

  @Sse('session/stream') async *stream() {
    yield 1;
    await facts.until('headers seen');
    yield 2;
  }

  @Sse('session/nothing') sessionNothing() {
    return null;
  }

  @Sse('session/fails') sessionFails() {
    return throwError(() => new Error());
  }
}

describe.each(platforms)('cookies and sessions on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [CookieController] }, useCookies);
  });
  beforeEach(() => facts.forget());
  afterAll(() => running.app.close());

  const namesOf = (cookies: string[] | undefined) => cookies?.map((cookie) => cookie.split(';')[0]);

  it.each([
    ['a handler', '/handler'],
    ['a generator before its first event', '/generator'],
    ['an interceptor', '/interceptor'],
    ['a handler that returns null', '/nothing'],
    ['a handler that answers JSON', '/json'],
  ])('are sent when set by %s', async (_, path) => {
    const client = await open(running, path);
    await client.rest();
    expect(namesOf(client.headers['set-cookie'])).toEqual(['a=1', 'b=2']);
  });

  it.each([['HEAD', '/handler']])('are sent in answer to %s', async (method, path) => {
    const client = await open(running, path, { method });
    await client.rest();
    expect(client.headers['content-type']).toBe('text/event-stream');
    expect(client.headers['content-length']).toBeUndefined();
    expect(namesOf(client.headers['set-cookie'])).toEqual(['a=1', 'b=2']);
  });

  it('are sent by a session that is asked when the headers are written, before the first event', async () => {
    const client = await open(running, '/session/stream');
    expect(namesOf(client.headers['set-cookie'])).toEqual(['session=s1']);
    facts.tell('headers seen');
    expect((await client.rest()).map(({ data }) => data)).toEqual(['1', '2']);
    expect(facts.told).toContain('session saved');
  });

  it.each([
    ['204', '/session/nothing', 204],
    ['an error', '/session/fails', 500],
  ])('are sent by such a session with %s', async (_, path, status) => {
    const client = await open(running, path);
    await client.rest();
    expect(client.status).toBe(status);
    expect(namesOf(client.headers['set-cookie'])).toEqual(['session=s1']);
  });
});
