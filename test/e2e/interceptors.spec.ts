import 'reflect-metadata';
import {
  ClassSerializerInterceptor,
  Controller,
  ForbiddenException,
  HttpException,
  Injectable,
  Logger,
  Param,
  Scope,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { Exclude } from 'class-transformer';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import {
  catchError,
  concatMap,
  EMPTY,
  filter,
  finalize,
  from,
  merge,
  Observable,
  of,
  Subject,
  throwError,
  timeout,
} from 'rxjs';
import { endWith, ignoreElements, map, mergeMap, retry, startWith, take, takeUntil, tap } from 'rxjs/operators';
import {
  Sse,
  SseBroadcaster,
  SseConnections,
  SseModule,
  SseQueue,
  SseResponse,
  SseStream,
  type SseConnection,
} from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { intercept } from '../support/intercept.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';
import { until } from '../support/until.js';

const facts = new Facts();

class User {
  name = 'Ada';
  @Exclude() password = '1234';
}

const shout = (value: unknown) => ({ type: 'mapped', data: value });
const mapping = intercept(map(shout));

@Injectable()
class MappingInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map(shout));
  }
}

@Injectable({ scope: Scope.REQUEST })
class ScopedInterceptor extends MappingInterceptor {}

/** Whatever a handler may return, with the events a and b. */
const sources: Record<string, () => unknown> = {
  observable: () => of('a', 'b'),
  promise: () => Promise.resolve(of('a', 'b')),
  array: () => ['a', 'b'],
  *generator() {
    yield 'a';
    yield 'b';
  },
  async *asyncGenerator() {
    yield 'a';
    await new Promise(setImmediate);
    yield 'b';
  },
  readable: () => Readable.from(['a', 'b']),
  webStream: () => ReadableStream.from(['a', 'b']),
  stream: () => new SseStream(['a', 'b']),
  queue: () => {
    const queue = new SseQueue<string>();
    void queue.send('a').then(() => queue.send('b').then(() => queue.close()));
    return queue;
  },
  response: () => new SseResponse(['a', 'b'], { headers: { 'x-answer': 'yes' } }),
};

@Controller('plain')
class PlainController {
  @Sse(':source') source(@Param('source') source: string): unknown {
    return sources[source]?.();
  }
}

@Controller('controller')
@UseInterceptors(MappingInterceptor)
class ControllerController {
  @Sse(':source') source(@Param('source') source: string): unknown {
    return sources[source]?.();
  }
}

@Controller('method')
class MethodController {
  @UseInterceptors(MappingInterceptor) @Sse('above/:source') above(@Param('source') source: string): unknown {
    return sources[source]?.();
  }

  @Sse('below/:source') @UseInterceptors(MappingInterceptor) below(@Param('source') source: string): unknown {
    return sources[source]?.();
  }
}

@Controller()
class EventsController {
  private attempts = 0;
  readonly stopped = new Subject<void>();

  constructor(readonly broadcaster: SseBroadcaster) {}

  @Sse('pending') async pending() {
    await facts.until('go on');
    return ['from the handler'];
  }

  @Sse('users') @UseInterceptors(ClassSerializerInterceptor) *users() {
    yield { data: new User() };
  }

  @Sse('user') user() {
    return SseResponse.json(new User(), 203);
  }

  @Sse('nothing') nothing() {
    return null;
  }

  @Sse('forbidden') forbidden() {
    throw new ForbiddenException();
  }

  @Sse('list') list() {
    return ['a', 'b'];
  }

  @Sse('flaky') @UseInterceptors(intercept(retry(2))) async flaky() {
    await new Promise(setImmediate);
    if (++this.attempts % 3) throw new HttpException('flaky', 503);
    return SseResponse.json({ attempts: this.attempts });
  }

  @Sse('half') @UseInterceptors(intercept(retry(1))) *half() {
    yield `attempt ${++this.attempts}`;
    if (this.attempts % 2) throw new Error('half way');
    yield 'whole';
  }

  @Sse('channel') channel() {
    return this.broadcaster.subscribe('news');
  }

  @Sse('released') async *released() {
    try {
      for (;;) {
        yield 'a';
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      facts.tell('released');
    }
  }
}

const controllers = [PlainController, ControllerController, MethodController, EventsController];

describe.each(platforms)('interceptors, on $name', (platform) => {
  let running: Running;

  const use = async (metadata: object = {}, ...interceptors: NestInterceptor[]) => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers, ...metadata }, (app) => {
      if (interceptors.length) app.useGlobalInterceptors(...interceptors);
    });
  };
  const eventsOf = async (path: string) =>
    (await (await open(running, path)).rest()).map(({ event, data }) => [event, data]);
  const dataOf = async (path: string) => (await eventsOf(path)).map(([, data]) => data);

  beforeEach(() => facts.forget());
  afterEach(() => running.app.close());

  describe.each([
    ['global', '/plain', {}, [mapping]],
    ['an APP_INTERCEPTOR', '/plain', { providers: [{ provide: APP_INTERCEPTOR, useClass: MappingInterceptor }] }, []],
    [
      'a request-scoped one',
      '/plain',
      { providers: [{ provide: APP_INTERCEPTOR, useClass: ScopedInterceptor, scope: Scope.REQUEST }] },
      [],
    ],
    ["the controller's", '/controller', {}, []],
    ["the method's, above @Sse()", '/method/above', {}, []],
    ["the method's, below @Sse()", '/method/below', {}, []],
  ] as const)('%s', (_, path, metadata, interceptors) => {
    it('maps each event, whatever the handler returned', async () => {
      await use(metadata, ...interceptors);
      for (const source of Object.keys(sources)) {
        expect([source, await eventsOf(`${path}/${source}`)]).toEqual([
          source,
          [
            ['mapped', 'a'],
            ['mapped', 'b'],
          ],
        ]);
      }
      await until(() => running.app.get(SseConnections).size === 0);
      expect(running.app.get(SseConnections).closed).toEqual({ source_completed: Object.keys(sources).length });
    });
  });

  it('stand where Nest puts them: the order is all that their place decides', async () => {
    const saying = (who: string) => intercept(map((value) => `${who}(${String(value)})`));
    @Controller()
    @UseInterceptors(saying('controller'))
    class OrderedController {
      @UseInterceptors(saying('above')) @Sse() @UseInterceptors(saying('below')) order() {
        return ['x'];
      }
    }
    await use({ controllers: [OrderedController] }, saying('global'));
    expect(await dataOf('/')).toEqual(['global(controller(below(above(x))))']);
  });

  it('of one application are not those of another with the same controllers', async () => {
    await use({}, mapping);
    const other = await start(platform, { imports: [SseModule.forRoot()], controllers });
    try {
      expect(await eventsOf('/plain/array')).toEqual([
        ['mapped', 'a'],
        ['mapped', 'b'],
      ]);
      const plain = await open(other, '/plain/array');
      expect((await plain.rest()).map(({ event }) => event)).toEqual([undefined, undefined]);
      expect((await (await open(other, '/controller/array')).rest()).map(({ event }) => event)).toEqual([
        'mapped',
        'mapped',
      ]);
    } finally {
      await other.app.close();
    }
  });

  it('hide what ClassSerializerInterceptor hides, from events and from SseResponse.json()', async () => {
    await use({ providers: [{ provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor }] });
    expect(await dataOf('/users')).toEqual(['{"name":"Ada"}']);
    await request(running).get('/user').expect(203, { name: 'Ada' });
  });

  it('may answer with options of the SseResponse that the handler returned', async () => {
    await use({}, mapping);
    const client = await open(running, '/plain/response');
    await client.rest();
    expect(client.headers).toMatchObject({ 'x-answer': 'yes' });
  });

  describe('may add events', () => {
    it('before, after and instead', async () => {
      await use(
        {},
        intercept((handled) => handled.pipe(startWith('first'), endWith('last'))),
      );
      expect(await dataOf('/list')).toEqual(['first', 'a', 'b', 'last']);
      await running.app.close();
      await use({}, { intercept: () => of('instead', { type: 'of', data: 'the handler' }) });
      expect(await eventsOf('/list')).toEqual([
        [undefined, 'instead'],
        ['of', 'the handler'],
      ]);
      await running.app.close();
      await use({}, { intercept: () => EMPTY });
      expect(await dataOf('/list')).toEqual([]);
    });

    it('while the handler is pending', async () => {
      const beat = new Subject<unknown>();
      await use(
        {},
        {
          intercept: (_, next) => {
            const handled = next.handle().pipe(finalize(() => beat.complete()));
            return merge(beat, handled);
          },
        },
      );
      const opening = open(running, '/pending');
      await until(() => beat.observed);
      beat.next({ type: 'beat', data: 1 });
      const client = await opening;
      expect(await client.event()).toMatchObject({ event: 'beat' });
      facts.tell('go on');
      expect((await client.rest()).map(({ data }) => data)).toEqual(['from the handler']);
    });

    it('before a handler that fails, or that has nothing to say', async () => {
      await use({}, intercept(startWith('first')));
      expect(await eventsOf('/forbidden')).toEqual([
        [undefined, 'first'],
        ['error', 'Forbidden'],
      ]);
      await request(running).get('/nothing').expect(204);
      await request(running)
        .get('/user')
        .expect(203, { ...new User() });
    });
  });

  describe('may fail', () => {
    it('before the headers: with a status', async () => {
      await use({}, { intercept: () => throwError(() => new ForbiddenException()) });
      await request(running).get('/list').expect(403);
    });

    it('before the headers, at the first event of a source that is slower than they are: with an error event', async () => {
      await use(
        {},
        intercept(
          map((value) => {
            if (value === 'b') throw new ForbiddenException('no b');
            return value;
          }),
        ),
      );
      expect(await eventsOf('/plain/asyncGenerator')).toEqual([
        [undefined, 'a'],
        ['error', 'no b'],
      ]);
    });

    it('and end the stream, which releases the source', async () => {
      await use({}, intercept(take(1)));
      expect(await dataOf('/released')).toEqual(['a']);
      await facts.until('released');
    });
  });

  it('may run the handler again when it failed, also after events', async () => {
    await use();
    await request(running).get('/flaky').expect(200, { attempts: 3 });
    const events = await dataOf('/half');
    expect(events).toEqual(['attempt 4', 'whole']);
    expect(await dataOf('/half')).toEqual(['attempt 5', 'attempt 6', 'whole']);
  });

  it('may answer in place of a handler that failed: with events, or with an object as on any other route', async () => {
    await use({}, intercept(catchError(() => of('sorry', 'indeed'))));
    expect(await dataOf('/forbidden')).toEqual(['sorry', 'indeed']);
    await running.app.close();
    await use({}, intercept(catchError(() => of({ sorry: true }))));
    await request(running).get('/forbidden').expect(200, { sorry: true });
  });

  it('see a promise settle when it is asynchronous themselves', async () => {
    await use(
      {},
      {
        intercept: async (_, next) => {
          await new Promise(setImmediate);
          return next.handle().pipe(map(shout));
        },
      },
    );
    expect(await eventsOf('/list')).toEqual([
      ['mapped', 'a'],
      ['mapped', 'b'],
    ]);
  });

  it('are released when the client leaves', async () => {
    await use({}, intercept(finalize(() => facts.tell('finalized'))));
    const client = await open(running, '/released');
    await client.event();
    client.leave();
    await Promise.all([facts.until('finalized'), facts.until('released')]);
    await until(() => running.app.get(SseConnections).size === 0);
  });

  it('that throw when they are released are told to the log, and the connection is over all the same', async () => {
    const broken = new Error('a teardown that throws');
    const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    await use(
      {},
      intercept(
        finalize(() => {
          throw broken;
        }),
      ),
    );
    const connections = running.app.get(SseConnections);
    const client = await open(running, '/released');
    await client.event();
    for (const connection of connections) connection.close();
    await client.rest();
    await until(() => connections.closed.kicked === 1);
    expect(logged.mock.calls).toEqual([[expect.objectContaining({ errors: [broken] })]]);
    logged.mockRestore();
  });

  describe('and channels', () => {
    const published = async (text: string) => running.app.get(SseBroadcaster).publish('news', text);
    const connectionsOf = () => [...running.app.get(SseConnections)] as SseConnection[];

    it('do not meet: events are made once for all; what an interceptor adds is sent', async () => {
      const beat = new Subject<unknown>();
      await use(
        {},
        intercept((handled) =>
          merge(handled.pipe(map(shout), startWith('first')), beat).pipe(finalize(() => facts.tell('finalized'))),
        ),
      );
      const client = await open(running, '/channel');
      expect(await client.event()).toMatchObject({ data: 'first' });
      await client.until(({ text }) => text.includes('id: '));
      await published('news');
      expect(await client.event()).toMatchObject({ event: undefined, data: 'news' });
      beat.next('beat');
      expect(await client.event()).toMatchObject({ data: 'beat' });
      await running.app.get(SseBroadcaster).end('news');
      expect(await client.rest()).toEqual([]);
      await facts.until('finalized');
      expect(beat.observed).toBe(false);
    });

    it('that have ended answer 204, as they do without interceptors', async () => {
      await use({}, mapping);
      const broadcaster = running.app.get(SseBroadcaster);
      const client = await open(running, '/channel');
      await client.until(({ text }) => text.includes('id: '));
      await published('news');
      const { id } = (await client.event())!;
      await broadcaster.end('news');
      await client.rest();
      const last = [...client.text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? id!;
      await request(running).get('/channel').set('last-event-id', last).expect(204);
    });

    it('end when an interceptor ends the stream', async () => {
      const expired = new Subject<void>();
      await use(
        {},
        intercept((handled) => handled.pipe(takeUntil(expired), endWith({ type: 'expired', data: '' }))),
      );
      const client = await open(running, '/channel');
      await client.until(({ text }) => text.includes('id: '));
      await published('news');
      expect(await client.event()).toMatchObject({ data: 'news' });
      expired.next();
      expect((await client.rest()).map(({ event }) => event)).toEqual(['expired']);
      expect(running.app.get(SseBroadcaster).subscribers('news')).toBe(0);
    });

    it('end by a timeout(), which sees no event of them', async () => {
      await use(
        {},
        intercept((handled) => handled.pipe(timeout({ each: 200, with: () => of({ type: 'silent', data: '' }) }))),
      );
      const client = await open(running, '/channel');
      await client.until(({ text }) => text.includes('id: '));
      await published('news');
      expect((await client.rest()).map(({ event, data }) => event ?? data)).toEqual(['news', 'silent']);
    });

    it('open at once when an interceptor has let go of the handler before it has answered', async () => {
      const enough = new Subject<void>();
      const more = new Subject<string>();
      @Controller()
      class HastyController {
        @Sse() hasty() {
          enough.next();
          return running.app.get(SseBroadcaster).subscribe('news');
        }
      }
      await use(
        { controllers: [HastyController] },
        intercept((handled) => merge(handled.pipe(takeUntil(enough)), more)),
      );
      const client = await open(running, '/');
      expect(client.status).toBe(200);
      more.next('more');
      expect(await client.event()).toMatchObject({ data: 'more' });
      expect(running.app.get(SseBroadcaster).subscribers('news')).toBe(0);
      client.leave();
    });

    it('are left when an interceptor has had enough of them, and goes on by itself', async () => {
      const enough = new Subject<void>();
      const more = new Subject<string>();
      await use(
        {},
        intercept((handled) => merge(handled.pipe(takeUntil(enough)), more)),
      );
      const client = await open(running, '/channel');
      await client.until(({ text }) => text.includes('id: '));
      enough.next();
      expect(running.app.get(SseBroadcaster).subscribers('news')).toBe(0);
      await published('not for this one');
      more.next('more');
      expect(await client.event()).toMatchObject({ data: 'more' });
      for (const connection of connectionsOf()) connection.close();
      await client.rest();
      expect(more.observed).toBe(false);
    });
  });

  it('hand over what a queue has accepted before the stream is closed', async () => {
    const queue = new SseQueue<string>({ maxEvents: 10 });
    @Controller()
    class QueueController {
      @Sse() queue() {
        return queue;
      }
    }
    await use({ controllers: [QueueController] }, mapping);
    const client = await open(running, '/');
    for (const text of ['a', 'b', 'c']) expect(queue.trySend(text)).toBe(true);
    for (const connection of running.app.get(SseConnections)) connection.close();
    expect((await client.rest()).map(({ event, data }) => [event, data])).toEqual([
      ['mapped', 'a'],
      ['mapped', 'b'],
      ['mapped', 'c'],
    ]);
  });

  describe('above a source that can wait', () => {
    const block = 'x'.repeat(65_536);
    let pulled = 0;

    @Controller()
    class EndlessController {
      @Sse() *endless() {
        for (;;) {
          pulled++;
          yield `${pulled} ${block}`;
        }
      }
    }

    const later = () => new Promise((resolve) => setTimeout(resolve, 1));

    it.each([
      ['one to one', map((value) => value)],
      ['one to none or one', filter((value: unknown) => Number(String(value).split(' ')[0]) % 3 === 0)],
      ['one to several', mergeMap((value: unknown) => [value, 'and', 'more'])],
      [
        'one to one, later',
        concatMap(async (value: unknown) => {
          await later();
          return value;
        }),
      ],
    ])('wait with it for the client: %s', async (_, operator) => {
      pulled = 0;
      await use({ controllers: [EndlessController] }, intercept(operator));
      const client: Client = await open(running, '/');
      await client.event();
      const [connection] = [...running.app.get(SseConnections)];
      // The client does not read on. When bytes wait here for it, and go on waiting, the source has been stopped.
      let last = -1;
      await until(() => {
        const isStill = connection!.bufferedBytes > 0 && pulled === last;
        last = pulled;
        return isStill;
      });
      const stopped = pulled;
      // Buffers of the kernel, both ends, and ours: far below what goes through in the time of a spec.
      expect(stopped).toBeLessThan(1_000);
      await client.events(20);
      client.leave();
      await until(() => running.app.get(SseConnections).size === 0);
      expect(running.app.get(SseConnections).closed).toEqual({ client_left: 1 });
    });

    it('let all of it through', async () => {
      @Controller()
      class CountedController {
        @Sse() *counted() {
          for (let n = 0; n < 2_000; n++) yield n;
        }
      }
      await use(
        { controllers: [CountedController] },
        intercept((handled) => handled.pipe(filter((value) => (value as number) % 100 === 99))),
        intercept((handled) => handled.pipe(concatMap((value) => from([value, value])))),
      );
      expect(await dataOf('/')).toHaveLength(40);
    });
  });

  it('that wait for all of it see the values, not the source', async () => {
    await use(
      {},
      intercept((handled) =>
        handled.pipe(
          tap((value) => facts.tell(value)),
          ignoreElements(),
        ),
      ),
    );
    expect(await dataOf('/list')).toEqual([]);
    expect(facts.told).toEqual(['a', 'b']);
  });

  it('may be an Observable of another make', async () => {
    await use(
      {},
      {
        intercept: (_, next) =>
          new Observable((subscriber) =>
            next
              .handle()
              .subscribe({ next: (value) => subscriber.next(shout(value)), complete: () => subscriber.complete() }),
          ),
      },
    );
    expect(await eventsOf('/list')).toEqual([
      ['mapped', 'a'],
      ['mapped', 'b'],
    ]);
  });
});
