import 'reflect-metadata';
import {
  ClassSerializerInterceptor,
  Controller,
  ForbiddenException,
  HttpException,
  RequestTimeoutException,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { Exclude } from 'class-transformer';
import { catchError, Observable, of, throwError, VirtualTimeScheduler, type OperatorFunction } from 'rxjs';
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
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

const facts = new Facts();

/** An interceptor that is one rxjs operator. */
function intercept(operator: OperatorFunction<unknown, unknown>): NestInterceptor {
  return { intercept: (_: ExecutionContext, next: CallHandler): Observable<unknown> => next.handle().pipe(operator) };
}

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

@Controller('above')
class AboveController {
  private attempts = 0;

  @Sse('clock') async *clock(@SseClient() client: SseConnection) {
    yield 'first';
    await facts.until('the time is up');
    yield client.signal.aborted ? 'aborted' : 'still here';
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

  @UseInterceptors(intercept(retry(2)))
  @Sse('retried')
  inner() {
    return this.flaky();
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

@Controller('below')
class BelowController {
  @UseInterceptors(intercept(map((event) => ({ type: 'mapped', data: event }))))
  @Sse('observable')
  observable() {
    return of('a', 'b');
  }

  @UseInterceptors(intercept(map((event) => ({ type: 'mapped', data: event }))))
  @Sse('promised')
  async promised() {
    return of('a', 'b');
  }

  @UseInterceptors(ClassSerializerInterceptor)
  @Sse('users')
  users() {
    return of({ data: new User() });
  }

  @UseInterceptors(ClassSerializerInterceptor)
  @Sse('generator')
  async *generator() {
    yield 'a';
    yield 'b';
  }

  @UseInterceptors(ClassSerializerInterceptor)
  @Sse('response')
  response() {
    return new SseResponse(['a', 'b'], { done: 'bye' });
  }

  @UseInterceptors(ClassSerializerInterceptor)
  @Sse('json')
  json() {
    return SseResponse.json(new User(), 203);
  }

  @UseInterceptors(
    intercept(
      map((value) => {
        if (value === 'b') throw new ForbiddenException('no b');
        return value;
      }),
    ),
  )
  @Sse('failing/:first')
  failing() {
    return of('a', 'b');
  }

  @UseInterceptors({ intercept: () => of(['cached']) } as NestInterceptor)
  @Sse('cached')
  cached() {
    facts.tell('handler called');
    return ['fresh'];
  }

  @UseInterceptors({ intercept: () => throwError(() => new ForbiddenException()) } as NestInterceptor)
  @Sse('forbidden')
  forbidden() {
    facts.tell('handler called');
    return ['fresh'];
  }
}

describe.each(platforms)('interceptors on $name', (platform) => {
  let running: Running;

  const use = async (...interceptors: NestInterceptor[]) => {
    running = await start(
      platform,
      { imports: [SseModule.forRoot()], controllers: [AboveController, BelowController] },
      (app) => app.useGlobalInterceptors(...interceptors),
    );
  };
  const dataOf = async (path: string) => (await (await open(running, path)).rest()).map(({ data }) => data);

  beforeEach(() => {
    facts.forget();
    clock = new VirtualTimeScheduler();
  });
  afterEach(() => running.app.close());

  describe('above', () => {
    it('sees one empty answer when the headers leave, not when the stream ends', async () => {
      await use(logging);
      const client = await open(running, '/above/clock');
      await client.event();
      expect(facts.told).toEqual([['answered', undefined], 'completed']);
      facts.tell('the time is up');
      expect(await client.rest()).toHaveLength(1);
      expect(facts.told).toHaveLength(3);
    });

    it('may give up before the headers: a timeout answers with its own status, and the handler is told', async () => {
      await use(timeoutInterceptor);
      const answer = request(running).get('/above/stuck').expect(408).then();
      await facts.until('called');
      clock.flush();
      await answer;
      expect(facts.told).toEqual(['called', 'source_failed']);
    });

    it('may give up while a source with commit: firstEvent is silent, which is then released', async () => {
      await use(timeoutInterceptor);
      const answer = request(running).get('/above/silent').expect(408).then();
      await facts.until('subscribed');
      clock.flush();
      await answer;
      expect(facts.told).toEqual(['subscribed', 'unsubscribed']);
    });

    it('does no harm by a timeout to a stream that is open for longer', async () => {
      await use(timeoutInterceptor);
      const client = await open(running, '/above/clock');
      expect(await client.event()).toMatchObject({ data: 'first' });
      clock.flush();
      facts.tell('the time is up');
      expect(await client.rest()).toMatchObject([{ data: 'still here' }]);
    });

    it('maps SseResponse.json(), and leaves a stream alone', async () => {
      await use(mapping);
      await request(running)
        .get('/above/json')
        .expect(202, { data: { text: 'hi' } });
      const client = await open(running, '/below/generator');
      await client.rest();
      expect(client.text).toBe('data: a\n\ndata: b\n\n');
    });

    it('hides what ClassSerializerInterceptor hides from SseResponse.json()', async () => {
      running = await start(platform, {
        imports: [SseModule.forRoot()],
        controllers: [AboveController],
        providers: [{ provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor }],
      });
      await request(running).get('/above/user').expect(200, { name: 'Ada' });
      facts.tell('the time is up');
      expect(await dataOf('/above/clock')).toEqual(['first', 'still here']);
    });

    it('may run the handler again when it failed', async () => {
      await use();
      expect(await dataOf('/above/flaky')).toEqual(['3']);
    });

    it('may answer in place of a handler that failed', async () => {
      await use();
      await request(running).get('/above/caught').expect(200, { sorry: true });
    });

    it('may all be there at once', async () => {
      await use(logging, timeoutInterceptor, mapping);
      expect(await dataOf('/below/generator')).toEqual(['a', 'b']);
      expect(facts.told).toEqual([['answered', { data: undefined }], 'completed']);
    });
  });

  describe('below', () => {
    beforeEach(() => use());

    it.each(['observable', 'promised'])('maps each event of an Observable: %s', async (path) => {
      const events = await (await open(running, `/below/${path}`)).rest();
      expect(events.map(({ event, data }) => [event, data])).toEqual([
        ['mapped', 'a'],
        ['mapped', 'b'],
      ]);
    });

    it('hides what ClassSerializerInterceptor hides from each event of an Observable', async () => {
      expect(await dataOf('/below/users')).toEqual(['{"name":"Ada"}']);
    });

    it('leaves other sources alone', async () => {
      expect(await dataOf('/below/generator')).toEqual(['a', 'b']);
      expect(await dataOf('/below/response')).toEqual(['a', 'b', 'bye']);
    });

    it('maps SseResponse.json()', () => request(running).get('/below/json').expect(203, { name: 'Ada' }));

    it('fails the stream when it fails', async () => {
      const events = await (await open(running, '/below/failing/a')).rest();
      expect(events.map(({ event, data }) => [event, data])).toEqual([
        [undefined, 'a'],
        ['error', 'no b'],
      ]);
    });

    it('may run the handler again when it failed', async () => {
      expect(await dataOf('/above/retried')).toEqual(['3']);
    });

    it('may answer in place of the handler', async () => {
      expect(await dataOf('/below/cached')).toEqual(['cached']);
      await request(running).get('/below/forbidden').expect(403);
      expect(facts.told).toEqual([]);
    });
  });
});
