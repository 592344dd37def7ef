import 'reflect-metadata';
import {
  applyDecorators,
  ArgumentsHost,
  BadRequestException,
  Catch,
  Controller,
  ForbiddenException,
  Get,
  HttpException,
  Logger,
  Param,
  Post,
  Redirect,
  RequestTimeoutException,
  Res,
  SetMetadata,
  UseGuards,
  UseInterceptors,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { APP_INTERCEPTOR, HttpAdapterHost } from '@nestjs/core';
import { Readable } from 'node:stream';
import { catchError, Observable, of, Subject, throwError } from 'rxjs';
import { map, retry, take, timeout } from 'rxjs/operators';
import { closeReason } from '../../lib/connection/close-reason.js';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import {
  Sse,
  SseClient,
  SseConnections,
  SseModule,
  SseResponse,
  SseSignal,
  type SseConnection,
} from '../../lib/index.js';
import { ANSWERED, type Admission } from '../../lib/admission/admission.js';
import { StreamRoutes } from '../../lib/http/stream-routes.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { intercept } from '../support/intercept.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';
import { request } from '../support/request.js';
import { until } from '../support/until.js';

const facts = new Facts();

function toldSource(): Readable {
  return new Readable({
    read: () => facts.tell('source read'),
    destroy: (_, done) => {
      facts.tell('source cancelled');
      done(null);
    },
  });
}

/** What the platforms' responses have in common. */
interface Reply {
  status(code: number): this;
  send(body: string): unknown;
  locals?: object;
}

const rejectingPipe: PipeTransform = {
  transform: () => Promise.reject(new BadRequestException('no such thing')),
};

/** Rejects when the connection that another parameter asked for is there. */
const lateRejectingPipe: PipeTransform = {
  transform: async () => {
    await facts.until('asked for');
    throw new BadRequestException('too late');
  },
};

const waitingPipe: PipeTransform = {
  transform: async (value: unknown) => {
    facts.tell('in the pipe');
    await facts.until('go on');
    return value;
  },
};

const greetingPipe: PipeTransform<SseConnection> = {
  transform: (client) => {
    client.send('hello');
    return client;
  },
};

const givingUp = (ms: number): NestInterceptor => ({
  intercept: (_, next) =>
    next.handle().pipe(
      timeout(ms),
      catchError(() => throwError(() => new RequestTimeoutException())),
    ),
});

const doubled = intercept(map((value) => `${value as string}${value as string}`));
const shouted = intercept(map((value) => `${value as string}!`));

/** Tells of each value that comes by, and lets it pass. */
const telling = (who: string) =>
  intercept(
    map((value) => {
      facts.tell([who, value]);
      return value;
    }),
  );

/** As an application does that logs to a database before it answers. */
@Catch(RequestTimeoutException)
class SlowFilter implements ExceptionFilter {
  async catch(error: HttpException, host: ArgumentsHost) {
    facts.tell('filtering');
    await facts.until('answer');
    host.switchToHttp().getResponse<Reply>().status(error.getStatus()).send('given up');
  }
}

/** Puts an object of its own in the place of what Express keeps for a request. */
const replacing: NestInterceptor = {
  intercept: (context, next) => {
    const response = context.switchToHttp().getResponse<Reply>();
    if (response.locals) response.locals = { user: 'ada' };
    return next.handle();
  },
};

const Feed = (path: string) =>
  applyDecorators(UseInterceptors(telling('above')), Sse(path), SetMetadata('feed', true), UseInterceptors(doubled));

/** Calls the method again when it failed, as a decorator of an application may. */
const Again = (): MethodDecorator => (_target, _key, descriptor: PropertyDescriptor) => {
  const method = descriptor.value as (...args: unknown[]) => unknown;
  const again = async function (this: unknown, ...args: unknown[]) {
    try {
      return await method.apply(this, args);
    } catch {
      return method.apply(this, args);
    }
  };
  for (const key of Reflect.getMetadataKeys(method)) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), again);
  }
  descriptor.value = again;
};

class AfterGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    facts.tell(context.getHandler().name);
    throw new ForbiddenException('after ours');
  }
}

const subject = new Subject<string>();

@Controller()
class TakeoverController {
  private attempts = 0;

  @Sse('told') told() {
    return toldSource();
  }

  @Sse('ok') ok() {
    return ['fine'];
  }

  @Sse('piped/:id') piped(@SseClient() client: SseConnection, @Param('id', rejectingPipe) id: string) {
    facts.tell('handler called');
    return [client.id, id];
  }

  @Sse('piped-late/:id') pipedLate(
    @Param('id', lateRejectingPipe) id: string,
    @SseSignal() signal: AbortSignal,
    @SseClient() client: SseConnection,
  ) {
    facts.tell('handler called');
    return [client.id, id, signal.aborted];
  }

  @UseGuards(AfterGuard) @Sse('guarded') guarded(@SseClient() client: SseConnection) {
    facts.tell('handler called');
    return [client.id];
  }

  @Sse('waiting/:id') waiting(@Param('id', waitingPipe) id: string, @SseClient() client: SseConnection) {
    facts.tell('handler called');
    return [client.id, id];
  }

  @UseInterceptors(doubled) @Sse('waiting-below/:id') waitingBelow(@Param('id', waitingPipe) id: string) {
    facts.tell('handler called');
    return [id];
  }

  @Sse('greeted') greeted(@SseClient(greetingPipe) client: SseConnection) {
    facts.tell(client.openedAt !== undefined);
    return ['from the handler'];
  }

  @Sse('cached')
  @UseInterceptors({ intercept: () => of({ cached: true }) } as NestInterceptor)
  cached(@SseClient() client: SseConnection) {
    facts.tell('handler called');
    return [client.id];
  }

  // --- that are tried again from below -----------------------------------------------------------------------------

  @UseInterceptors(intercept(retry(2)))
  @Sse('retried/below-throws')
  retriedBelowThrows() {
    return this.fail() ?? of('a', 'b');
  }

  @UseInterceptors(intercept(retry(2)))
  @Sse('retried/below-json')
  async retriedBelowJson() {
    return this.fail() ?? SseResponse.json({ json: true });
  }

  @Again() @Sse('retried/decorator') async retriedDecorator() {
    if (++this.attempts % 2) throw new HttpException('flaky', 503);
    return ['a', 'b'];
  }

  // --- other answers ----------------------------------------------------------------------------------------------

  @Sse('own-answer/sync') ownAnswer(@Res() response: Reply) {
    response.status(202).send('by myself');
  }

  @Sse('own-answer/async') async ownAnswerAsync(@Res() response: Reply) {
    await new Promise(setImmediate);
    response.status(202).send('by myself');
  }

  @Sse('calls/sync') callsSync(@Res() response: Reply) {
    return this.inner(response, response);
  }

  @Sse('calls/async') async callsAsync(@Res() response: Reply) {
    await new Promise(setImmediate);
    return this.inner(response, response);
  }

  /** Called with the argument that `@Sse()` adds, as by a caller that hands on all its arguments. */
  @Sse('inner') inner(@Res() _response: Reply, ..._rest: unknown[]) {
    return ['from the inner one'];
  }

  @Sse('replaced') @UseInterceptors(replacing) replaced() {
    return of('never as JSON');
  }

  @Sse('replaced/client') @UseInterceptors(replacing) replacedClient(@SseClient() client: SseConnection) {
    return of(client.id);
  }

  @Sse('composed') composed() {
    return of('never');
  }

  @Feed('feed') feed() {
    return of('a', 'b');
  }

  @UseInterceptors(shouted) @Feed('feed/twice') feedTwice() {
    return of('a', 'b');
  }

  private fail(): undefined {
    if (++this.attempts % 3) throw new HttpException('flaky', 503);
  }
}

/** Above, as the interceptors of a controller: with those of the method ours would be there too. */
@Controller('retried')
@UseInterceptors(intercept(retry(2)))
class RetriedController {
  private attempts = 0;

  @Sse('throws') throws() {
    return this.fail() ?? ['a', 'b'];
  }

  @Sse('rejects') async rejects() {
    await new Promise(setImmediate);
    return this.fail() ?? ['a', 'b'];
  }

  @Sse('source') async *source() {
    await new Promise(setImmediate);
    this.fail();
    yield 'a';
    yield 'b';
  }

  @Sse('with-client') async withClient(@SseClient() client: SseConnection) {
    facts.tell(client.id);
    await new Promise(setImmediate);
    return this.fail() ?? ['a', 'b'];
  }

  @Sse('on-method') @UseInterceptors(intercept(retry(2))) onMethod() {
    return this.fail() ?? ['a', 'b'];
  }

  private fail(): undefined {
    if (++this.attempts % 3) throw new HttpException('flaky', 503);
  }
}

@Controller('retried')
@UseInterceptors(intercept((handled) => handled.pipe(timeout(20), retry(1))))
class SlowController {
  private attempts = 0;

  @Sse('after-timeout', { commit: 'firstEvent' }) afterTimeout() {
    return ++this.attempts % 2 ? new Promise(() => {}) : of('a', 'b');
  }

  @Sse('after-silence', { commit: 'firstEvent' }) afterSilence() {
    return ++this.attempts % 2 ? new Observable(() => () => facts.tell('released')) : of('a', 'b');
  }
}

/** Gives the handler up, and calls it again, when a spec says so. */
const again: NestInterceptor = {
  intercept: (_, next) =>
    new Observable((subscriber) => {
      const first = next.handle().subscribe(subscriber);
      void facts.until('go on').then(() => {
        first.unsubscribe();
        next.handle().subscribe({ complete: () => facts.tell('tried again') });
      });
    }),
};

@Controller('left')
@UseInterceptors(again)
class LeftController {
  @Sse() stuck() {
    facts.tell('handler called');
    return new Promise(() => {});
  }
}

@Controller('given-up')
@UseInterceptors(givingUp(20))
class GivenUpController {
  @Sse('source', { commit: 'firstEvent' }) source() {
    return subject;
  }

  @Sse('handler') async handler(@SseSignal() signal: AbortSignal) {
    signal.addEventListener('abort', () => facts.tell('aborted'));
    await facts.until('go on');
    return ['too late'];
  }

  @Sse('pipe/:id') pipe(@Param('id', waitingPipe) id: string) {
    facts.tell('handler called');
    return [id];
  }
}

@Controller('mapped')
@UseInterceptors(doubled)
class MappedController {
  @Sse('observable') observable() {
    return of('a', 'b');
  }

  @Sse('told') told() {
    return toldSource();
  }

  @UseInterceptors(shouted) @Sse('method-too') methodToo() {
    return of('a', 'b');
  }

  @Sse('firstEvent', { commit: 'firstEvent' }) firstEvent() {
    return of('a', 'b');
  }

  @UseInterceptors(shouted) @Sse('fails') fails() {
    return throwError(() => new ForbiddenException());
  }

  @Get('plain') plain() {
    return 'x';
  }

  @Post('plain') plainObservable() {
    return of('x', 'y');
  }

  @Get('moved') @Redirect('/mapped/plain', 302) moved() {
    return undefined;
  }
}

const controllers = [
  TakeoverController,
  RetriedController,
  SlowController,
  GivenUpController,
  LeftController,
  MappedController,
];

describe.each(platforms)('a request that is taken over, on $name', (platform) => {
  let running: Running;
  let registry: ConnectionRegistry;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  const use = async (metadata: object = {}, configure?: (app: Running['app']) => unknown) => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers, ...metadata }, configure);
    registry = running.app.get(ConnectionRegistry);
  };

  beforeEach(() => {
    facts.forget();
    logged.mockClear();
  });
  afterEach(async () => {
    await until(() => registry.all.size === 0);
    await running.app.close();
  });

  const dataOf = async (path: string) => (await (await open(running, path)).rest()).map(({ data }) => data);
  const closed = () => running.app.get(SseConnections).closed;

  describe('but refused', () => {
    beforeEach(() => use());

    it.each([
      ['/piped/1', 400, 'no such thing'],
      ['/guarded', 403, 'after ours'],
    ])('by what stands between guard and handler answers with its status: %s', async (path, status, message) => {
      const { body } = await request(running).get(path).expect(status);
      expect(body).toMatchObject({ statusCode: status, message });
      await until(() => registry.all.size === 0);
      expect(facts.told).not.toContain('handler called');
      expect(running.app.get(SseConnections).opened).toBe(0);
    });

    it('by a pipe that takes long, with a connection that is there already, answers with its status', async () => {
      const answer = request(running).get('/piped-late/1').expect(400).then();
      await until(() => registry.all.size === 1);
      facts.tell('asked for');
      await answer;
      await until(() => registry.all.size === 0);
      expect(facts.told).not.toContain('handler called');
      expect(closed()).toEqual({ source_failed: 1 });
    });

    if (!platform.http2) {
      it('leaves the socket to the next request', async () => {
        const client = await RawClient.open(running.url, get('/piped/1'));
        expect((await client.response()).status).toBe(400);
        await until(() => registry.all.size === 0);
        client.send(get('/guarded') + get('/ok') + get('/piped/2') + get('/ok'));
        const statuses = [];
        for (let n = 0; n < 4; n++) statuses.push((await client.response()).status);
        expect(statuses).toEqual([403, 200, 400, 200]);
        client.destroy();
      });
    }

    it('by an interceptor that has the answer, which is no event, is answered as any other route', async () => {
      await request(running).get('/cached').expect(200, { cached: true });
      expect(facts.told).toEqual([]);
      await until(() => registry.all.size === 0);
      expect(running.app.get(SseConnections).opened).toBe(0);
    });
  });

  describe('while the server drains', () => {
    beforeEach(async () => {
      await use();
      registry.draining.begin(() => 'retry: 4321\n\n');
    });

    it.each(['/ok', '/waiting/1', '/waiting-below/1', '/mapped/observable', '/feed'])(
      'is told when to come back, and its handler is not called: %s',
      async (path) => {
        facts.tell('go on');
        const client = await open(running, path);
        expect(await client.rest()).toEqual([]);
        expect([client.status, client.retry]).toEqual([200, 4321]);
        expect(facts.told).not.toContain('handler called');
        await until(() => registry.all.size === 0);
        expect(closed()).toEqual({ server_closing: 1 });
      },
    );
  });

  describe('and whose handler answers, but who is not admitted then', () => {
    beforeEach(async () => {
      await use();
      const admission: Admission = {
        asksFirst: false,
        ask: (_, stage) => {
          if (stage !== ANSWERED) return undefined;
          facts.tell('asked');
          return closeReason('server_closing');
        },
        answerTo: () => ({ text: 'retry: 4321\n\n' }),
      };
      Object.assign(running.app.get(StreamRoutes), { admission });
    });

    it.each(['/told', '/mapped/told'])(
      'is told when to come back, and the source that its handler returned is released unread: %s',
      async (path) => {
        const client = await open(running, path);
        expect(await client.rest()).toEqual([]);
        expect([client.status, client.retry]).toEqual([200, 4321]);
        expect(facts.told).toContain('source cancelled');
        expect(facts.told).not.toContain('source read');
        await until(() => registry.all.size === 0);
        expect(closed()).toEqual({ server_closing: 1 });
      },
    );

    it('is told when to come back also when it was sent something before', async () => {
      const client = await open(running, '/greeted');
      expect((await client.rest()).map(({ data }) => data)).toEqual(['hello']);
      expect([client.status, client.retry]).toEqual([200, 4321]);
    });

    it('is asked about once, also when an interceptor calls the handler again', async () => {
      const client = await open(running, '/retried/below-throws');
      await client.rest();
      expect(client.retry).toBe(4321);
      expect(facts.told.filter((fact) => fact === 'asked')).toHaveLength(1);
    });
  });

  describe('and whose client leaves', () => {
    beforeEach(() => use());

    it.each(['/waiting/1', '/waiting-below/1'])('in a pipe: the handler is not called: %s', async (path) => {
      const leaving = new AbortController();
      const opened = open(running, path, { signal: leaving.signal }).catch(() => undefined);
      await facts.until('in the pipe');
      await until(() => registry.all.size === 1);
      leaving.abort();
      await until(() => registry.all.size === 0);
      facts.tell('go on');
      await opened;
      expect(await dataOf('/ok')).toEqual(['fine']);
      expect(facts.told).not.toContain('handler called');
      expect(closed()).toEqual({ client_left: 1, source_completed: 1 });
    });
  });

  it('and tried again, after its client has left, is not called again', async () => {
    await use();
    const leaving = new AbortController();
    const opened = open(running, '/left', { signal: leaving.signal }).catch(() => undefined);
    await facts.until('handler called');
    leaving.abort();
    await opened;
    await until(() => registry.all.size === 0);
    facts.tell('go on');
    await facts.until('tried again');
    expect(facts.told).toEqual(['handler called', 'go on', 'tried again']);
  });

  it('is followed also when its headers left before the handler was called', async () => {
    await use();
    expect(await dataOf('/greeted')).toEqual(['hello', 'from the handler']);
    expect(facts.told).toEqual([true]);
  });

  describe('and tried again', () => {
    beforeEach(() => use());

    it.each([
      'throws',
      'rejects',
      'source',
      'with-client',
      'on-method',
      'after-timeout',
      'after-silence',
      'below-throws',
      'decorator',
    ])('streams when it succeeds: %s', async (kind) => {
      expect(await dataOf(`/retried/${kind}`)).toEqual(['a', 'b']);
      await until(() => registry.all.size === 0);
      if (kind === 'after-silence') expect(facts.told).toEqual(['released']);
    });

    it('by an interceptor below answers JSON when it succeeds with it', () =>
      request(running).get('/retried/below-json').expect(200, { json: true }));

    it('with one connection for all attempts', async () => {
      await dataOf('/retried/with-client');
      expect(facts.told).toHaveLength(3);
      expect(new Set(facts.told).size).toBe(1);
    });
  });

  describe('and given up from above', () => {
    beforeEach(() => use({}, (app) => app.useGlobalFilters(new SlowFilter())));

    it('is answered by the filter, also when the source has its first event before it does', async () => {
      const answer = request(running).get('/given-up/source').expect(408).then();
      await facts.until('filtering');
      expect(subject.observed).toBe(false);
      subject.next('too late');
      facts.tell('answer');
      expect((await answer).text).toBe('given up');
      expect(closed()).toEqual({ source_failed: 1 });
    });

    it('is answered by the filter when the handler is stuck', async () => {
      const answer = request(running).get('/given-up/handler').expect(408).then();
      await facts.until('filtering');
      facts.tell('answer');
      expect((await answer).text).toBe('given up');
      await facts.until('aborted');
      facts.tell('go on');
    });
  });

  describe('and given up from above before the handler is called', () => {
    it('is answered by the filter, whole, and the handler is not called', async () => {
      await use();
      const answer = request(running).get('/given-up/pipe/1').expect(408).then();
      await facts.until('in the pipe');
      expect((await answer).body).toMatchObject({ statusCode: 408 });
      facts.tell('go on');
      expect(await dataOf('/ok')).toEqual(['fine']);
      await until(() => registry.all.size === 0);
      expect(facts.told).not.toContain('handler called');
    });
  });

  describe('and answered in another way', () => {
    beforeEach(() => use());

    it.each(['sync', 'async'])('by the handler itself: %s', async (kind) => {
      const { text } = await request(running).get(`/own-answer/${kind}`).expect(202);
      expect(text).toBe('by myself');
    });

    it.each(['sync', 'async'])('is not taken over twice when its handler calls another one: %s', async (kind) => {
      expect(await dataOf(`/calls/${kind}`)).toEqual(['from the inner one']);
      await until(() => registry.all.size === 0);
      expect(closed()).toEqual({ source_completed: 1 });
    });
  });

  describe('whose response.locals somebody replaces', () => {
    it.each(['/replaced', '/replaced/client'])('is found all the same: %s', async (path) => {
      await use();
      expect(await dataOf(path)).toHaveLength(1);
      await until(() => registry.all.size === 0);
      expect(closed()).toEqual({ source_completed: 1 });
    });
  });

  describe('with interceptors in several places', () => {
    it('passes each event through all of them, also where decorators are composed', async () => {
      await use();
      expect(await dataOf('/feed')).toEqual(['aa', 'bb']);
      expect(facts.told).toEqual([
        ['above', 'aa'],
        ['above', 'bb'],
      ]);
      expect(await dataOf('/feed/twice')).toEqual(['a!a!', 'b!b!']);
      expect(await dataOf('/mapped/observable')).toEqual(['aa', 'bb']);
      expect(await dataOf('/mapped/firstEvent')).toEqual(['aa', 'bb']);
      expect(await dataOf('/mapped/method-too')).toEqual(['a!a!', 'b!b!']);
    });

    it('takes a request over once', async () => {
      await use({ providers: [{ provide: APP_INTERCEPTOR, useValue: shouted }] });
      expect(await dataOf('/ok')).toEqual(['fine!']);
      expect(await dataOf('/mapped/observable')).toEqual(['aa!', 'bb!']);
      expect(await dataOf('/feed')).toEqual(['aa!', 'bb!']);
      await request(running).get('/mapped/fails').expect(403);
      await until(() => registry.all.size === 0);
      expect(closed()).toEqual({ source_completed: 3, source_failed: 1 });
    });

    it('leaves methods without @Sse() alone', async () => {
      await use();
      expect((await request(running).get('/mapped/plain').expect(200)).text).toBe('xx');
      expect((await request(running).post('/mapped/plain').expect(201)).text).toBe('yy');
      await request(running).get('/mapped/moved').expect(302);
      expect(closed()).toEqual({});
    });
  });

  it('has a signal and one answer, whatever stands above: nothing of it is left when all is over', async () => {
    await use({
      providers: [
        { provide: APP_INTERCEPTOR, useValue: telling('global') },
        { provide: APP_INTERCEPTOR, useValue: intercept(take(1)) },
      ],
    });
    expect(running.app.get(HttpAdapterHost)).toBeDefined();
    expect(await dataOf('/ok')).toEqual(['fine']);
    await until(() => registry.all.size === 0);
    expect(closed()).toEqual({ source_completed: 1 });
  });
});
