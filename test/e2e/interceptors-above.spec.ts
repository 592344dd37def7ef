import 'reflect-metadata';
import {
  ClassSerializerInterceptor,
  Controller,
  ForbiddenException,
  HttpException,
  RequestTimeoutException,
  UseInterceptors,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { Exclude } from 'class-transformer';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { catchError, firstValueFrom, Observable, of, throwError, VirtualTimeScheduler } from 'rxjs';
import { map, retry, tap, timeout } from 'rxjs/operators';
import {
  Sse,
  SseClient,
  SseModule,
  SseResponse,
  SseSignal,
  type SseCloseReason,
  type SseConnection,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { intercept } from '../support/intercept.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

const facts = new Facts();

/** The time of `timeout()`: it goes by when a spec says so. */
let clock: VirtualTimeScheduler;

const timeoutInterceptor: NestInterceptor = {
  intercept: (_, next) =>
    next.handle().pipe(
      timeout({ each: 1_000, scheduler: clock }),
      catchError(() => throwError(() => new RequestTimeoutException())),
    ),
};
const mapping = intercept(map((data) => ({ data })));
const logging = intercept(
  tap({ next: (value) => facts.tell(['answered', value]), complete: () => facts.tell('completed') }),
);

class User {
  name = 'Ada';
  @Exclude() password = '1234';
}

@Controller()
class AboveController {
  private attempts = 0;

  @Sse('clock') async *clock(@SseClient() client: SseConnection) {
    yield 'first';
    await facts.until('the time is up');
    yield client.signal.aborted ? 'aborted' : 'still here';
  }

  @Sse('list') async *list() {
    yield 'a';
    yield 'b';
  }

  @Sse('json') json() {
    return SseResponse.json({ text: 'hi' }, 202);
  }

  @Sse('user') user() {
    return SseResponse.json(new User());
  }

  @Sse('stuck') stuck(@SseSignal() signal: AbortSignal) {
    signal.addEventListener('abort', () => facts.tell((signal.reason as SseCloseReason).code));
    facts.tell('called');
    return new Promise(() => {});
  }

  @Sse('silent', { commit: 'firstEvent' }) silent() {
    return new Observable(() => {
      facts.tell('subscribed');
      return () => facts.tell('unsubscribed');
    });
  }

  @Sse('flaky')
  @UseInterceptors(intercept(retry(2)))
  outer() {
    return this.flaky();
  }

  @Sse('caught')
  @UseInterceptors(intercept(catchError(() => of({ sorry: true }))))
  caught() {
    return throwError(() => new ForbiddenException());
  }

  private flaky() {
    this.attempts++;
    return this.attempts % 3 === 0 ? of(this.attempts) : throwError(() => new HttpException('flaky', 503));
  }
}

describe.each(platforms)('interceptors above, on $name', (platform) => {
  let running: Running;

  const use = async (...interceptors: NestInterceptor[]) => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [AboveController] }, (app) =>
      app.useGlobalInterceptors(...interceptors),
    );
  };
  const dataOf = async (path: string) => (await (await open(running, path)).rest()).map(({ data }) => data);

  beforeEach(() => {
    facts.forget();
    clock = new VirtualTimeScheduler();
  });
  afterEach(() => running.app.close());

  it('sees one empty answer when the headers leave, not when the stream ends', async () => {
    await use(logging);
    const client = await open(running, '/clock');
    await client.event();
    expect(facts.told).toEqual([['answered', undefined], 'completed']);
    facts.tell('the time is up');
    expect(await client.rest()).toHaveLength(1);
    expect(facts.told).toHaveLength(3);
  });

  it('may give up before the headers: a timeout answers with its own status, and the handler is told', async () => {
    await use(timeoutInterceptor);
    const answer = request(running).get('/stuck').expect(408).then();
    await facts.until('called');
    clock.flush();
    await answer;
    expect(facts.told).toEqual(['called', 'source_failed']);
  });

  it('may give up while a source with commit: firstEvent is silent, which is then released', async () => {
    await use(timeoutInterceptor);
    const answer = request(running).get('/silent').expect(408).then();
    await facts.until('subscribed');
    clock.flush();
    await answer;
    expect(facts.told).toEqual(['subscribed', 'unsubscribed']);
  });

  it('does no harm by a timeout to a stream that is open for longer', async () => {
    await use(timeoutInterceptor);
    const client = await open(running, '/clock');
    expect(await client.event()).toMatchObject({ data: 'first' });
    clock.flush();
    facts.tell('the time is up');
    expect(await client.rest()).toMatchObject([{ data: 'still here' }]);
  });

  it('maps SseResponse.json(), and leaves a stream alone', async () => {
    await use(mapping);
    await request(running)
      .get('/json')
      .expect(202, { data: { text: 'hi' } });
    const client = await open(running, '/list');
    await client.rest();
    expect(client.text).toBe('data: a\n\ndata: b\n\n');
  });

  it('leaves a stream alone also where the framework has set no header before ours', async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [AboveController] }, (app) => {
      app.useGlobalInterceptors(mapping);
      if (platform.name === 'express') (app as NestExpressApplication).disable('x-powered-by');
    });
    const client = await open(running, '/clock', platform.http2 ? {} : { headers: { connection: 'keep-alive' } });
    expect(await client.event()).toMatchObject({ data: 'first' });
    facts.tell('the time is up');
    expect(await client.rest()).toMatchObject([{ data: 'still here' }]);
    expect(client.headers).toMatchObject({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
  });

  it('hides what ClassSerializerInterceptor hides from SseResponse.json()', async () => {
    running = await start(platform, {
      imports: [SseModule.forRoot()],
      controllers: [AboveController],
      providers: [{ provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor }],
    });
    await request(running).get('/user').expect(200, { name: 'Ada' });
    facts.tell('the time is up');
    expect(await dataOf('/clock')).toEqual(['first', 'still here']);
  });

  it('may run the handler again when it failed', async () => {
    await use();
    expect(await dataOf('/flaky')).toEqual(['3']);
  });

  it('may answer in place of a handler that failed', async () => {
    await use();
    await request(running).get('/caught').expect(200, { sorry: true });
  });

  it('may take the answer for a promise, and is done with it then', async () => {
    await use({ intercept: async (_, next) => of(await firstValueFrom(next.handle())) });
    const client = await open(running, '/clock');
    expect(await client.event()).toMatchObject({ data: 'first' });
    facts.tell('the time is up');
    expect(await client.rest()).toMatchObject([{ data: 'still here' }]);
    await request(running).get('/json').expect(202, { text: 'hi' });
  });

  it('may all be there at once', async () => {
    await use(logging, timeoutInterceptor, mapping);
    expect(await dataOf('/list')).toEqual(['a', 'b']);
    expect(facts.told).toEqual([['answered', { data: undefined }], 'completed']);
  });
});
