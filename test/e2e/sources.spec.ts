import 'reflect-metadata';
import { Controller, Param, Query } from '@nestjs/common';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { EMPTY, from, NEVER, Observable, of, timer } from 'rxjs';
import { map, take } from 'rxjs/operators';
import { Sse, SseConnections, SseModule, SseQueue, SseStream } from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

/** Two events, from everything that a handler may return. */
const twoEvents: Record<string, () => unknown> = {
  'an Observable': () => of('a', 'b'),
  'an Observable that emits later': () =>
    timer(1, 1).pipe(
      take(2),
      map((n) => 'ab'[n]),
    ),
  "an Observable of another library's": () => ({
    subscribe: (observer: never) => from(['a', 'b']).subscribe(observer),
  }),
  'an array': () => ['a', 'b'],
  'a Set': () => new Set(['a', 'b']),
  'an array of promises': () => [Promise.resolve('a'), Promise.resolve('b')],
  'a generator': () =>
    (function* () {
      yield 'a';
      yield 'b';
    })(),
  'an async generator': () =>
    (async function* () {
      yield 'a';
      await new Promise(setImmediate);
      yield 'b';
    })(),
  'an async iterable': () => ({ [Symbol.asyncIterator]: () => Readable.from(['a', 'b'])[Symbol.asyncIterator]() }),
  'a Readable of objects': () => Readable.from([{ data: 'a' }, { data: 'b' }]),
  'a web ReadableStream': () => ReadableStream.from(['a', 'b']),
  'an SseStream': () => new SseStream().addData('a').add({ data: 'b' }),
  'an SseQueue': () => {
    const queue = new SseQueue();
    void queue
      .send('a')
      .then(() => queue.send('b'))
      .then(() => queue.close());
    return queue;
  },
};

const noEvents: Record<string, () => unknown> = {
  'an empty Observable': () => EMPTY,
  'an empty array': () => [],
  'a generator that returns at once': () => (async function* () {})(),
  'an ended Readable': () => Readable.from([]),
  'a closed SseQueue': () => {
    const queue = new SseQueue();
    queue.close();
    return queue;
  },
};

const facts = new Facts();

/** What holds a resource, and tells when it lets go of it. */
const releasable: Record<string, () => unknown> = {
  'an Observable that never emits': () =>
    new Observable(() => {
      facts.tell('opened');
      return () => facts.tell('released');
    }),
  'an infinite Observable': () =>
    new Observable((subscriber) => {
      const timer = setInterval(() => subscriber.next('tick'), 1);
      facts.tell('opened');
      return () => {
        clearInterval(timer);
        facts.tell('released');
      };
    }),
  'an infinite generator': () =>
    (function* () {
      facts.tell('opened');
      try {
        for (;;) yield 'tick';
      } finally {
        facts.tell('released');
      }
    })(),
  'an infinite async generator': () =>
    (async function* () {
      facts.tell('opened');
      try {
        for (;;) yield await Promise.resolve('tick');
      } finally {
        facts.tell('released');
      }
    })(),
  'an iterator that never yields': () => ({
    [Symbol.asyncIterator]: () => ({
      next: () => {
        facts.tell('opened');
        return new Promise(() => {});
      },
      return: () => {
        facts.tell('released');
        return Promise.resolve({ done: true });
      },
    }),
  }),
  'a Readable that never reads': () =>
    new Readable({
      objectMode: true,
      read: () => facts.tell('opened'),
      destroy: (error, done) => {
        facts.tell('released');
        done(error);
      },
    }),
  'a web stream that never enqueues': () =>
    new ReadableStream({ pull: () => facts.tell('opened'), cancel: () => facts.tell('released') }),
};

@Controller()
class SourcesController {
  @Sse('two/:kind')
  two(@Param('kind') kind: string, @Query('promised') promised?: string) {
    const source = twoEvents[kind]?.();
    return promised ? Promise.resolve(source) : source;
  }

  @Sse('none/:kind')
  none(@Param('kind') kind: string) {
    return noEvents[kind]?.();
  }

  @Sse('release/:kind')
  release(@Param('kind') kind: string) {
    return releasable[kind]?.();
  }

  @Sse('text')
  text() {
    const [first = 0, second = 0] = Buffer.from('é');
    return Readable.from([Buffer.from([0x61, first]), Buffer.from([second, 0x62])], { objectMode: false });
  }

  @Sse('never')
  never() {
    return NEVER;
  }

  @Sse('nothing')
  nothing() {
    return null;
  }

  @Sse('nothing-later')
  async nothingLater() {
    return null;
  }
}

describe.each(platforms)('sources on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [SourcesController] });
  });
  beforeEach(() => facts.forget());
  afterAll(() => running.app.close());

  const dataOf = async (path: string) => {
    const client = await open(running, path);
    expect(client.status).toBe(200);
    return (await client.rest()).map(({ data }) => data);
  };

  it.each(Object.keys(twoEvents))('streams %s, and ends the body', async (kind) => {
    expect(await dataOf(`/two/${encodeURIComponent(kind)}`)).toEqual(['a', 'b']);
  });

  it.each(Object.keys(twoEvents))('streams %s that was promised', async (kind) => {
    expect(await dataOf(`/two/${encodeURIComponent(kind)}?promised=1`)).toEqual(['a', 'b']);
  });

  it.each(Object.keys(noEvents))('answers %s with an empty stream', async (kind) => {
    expect(await dataOf(`/none/${encodeURIComponent(kind)}`)).toEqual([]);
  });

  it('decodes a Readable of bytes across the borders of its chunks', async () => {
    expect((await dataOf('/text')).join('')).toBe('aéb');
  });

  it.each(Object.keys(releasable))('releases %s, once, when its client leaves', async (kind) => {
    const client = await open(running, `/release/${encodeURIComponent(kind)}`);
    await facts.until('opened');
    const [connection] = running.app.get(SseConnections);
    client.leave();
    await facts.until('released');
    expect(await connection?.closed).toMatchObject({ code: 'client_left' });
    expect(facts.told.filter((fact) => fact === 'released')).toHaveLength(1);
  });

  it('sends the headers of a source that has nothing to say yet', async () => {
    const client = await open(running, '/never');
    expect(client.status).toBe(200);
    expect(client.headers['content-type']).toBe('text/event-stream');
    client.leave();
    await until(() => running.app.get(SseConnections).size === 0);
  });

  it.each(['/nothing', '/nothing-later'])('answers null with 204, which stops an EventSource: %s', async (path) => {
    const client = await open(running, path);
    expect(await client.rest()).toEqual([]);
    expect(client.status).toBe(204);
    expect(client.headers).not.toHaveProperty('content-type');
  });
});
