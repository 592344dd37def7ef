import 'reflect-metadata';
import { ConflictException, Controller, Query } from '@nestjs/common';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { concat, from, of, throwError } from 'rxjs';
import { map } from 'rxjs/operators';
import {
  Sse,
  SseConnections,
  SseModule,
  SseQueue,
  SseResponse,
  SseStream,
  type SseEventInit,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { intercept } from '../support/intercept.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';
import { request } from '../support/request.js';
import { until } from '../support/until.js';
import { interceptors } from './parity/interceptors.js';
import { Ledger } from './parity/ledger.js';
import { decode, observe, type Item } from './parity/observe.js';
import { build, pathOf, placesOn, type Handlers } from './parity/places.js';

class User {
  name = 'Ada';
}

const events = (): SseEventInit[] => [
  { data: { of: 'a' }, type: 'letter', id: 'own-1' },
  { data: new User(), type: 'user' },
  { data: 'text' },
];
const failure = () => new ConflictException('taken');

function* generate() {
  yield* events();
}

async function* generateLater() {
  for (const event of events()) {
    await Promise.resolve();
    yield event;
  }
}

/** Each kind of source with the same events, and what Nest's own would have been given: an Observable of them. */
const kinds: Readonly<Record<string, { readonly observable: () => unknown; readonly sources: Handlers }>> = {
  'of events': {
    observable: () => from(events()),
    sources: {
      array: events,
      generator: generate,
      'async generator': generateLater,
      'promise of a generator': () => Promise.resolve(generate()),
      'object with an async iterator': () => ({ [Symbol.asyncIterator]: generateLater }),
      'Node stream': () => Readable.from(events()),
      'web stream': () => ReadableStream.from(events()),
      queue() {
        const queue = new SseQueue({ maxEvents: 1 });
        void (async () => {
          for (const event of events()) await queue.send(event);
          queue.close();
        })();
        return queue;
      },
      list: () => {
        const list = new SseStream();
        for (const event of events()) list.add(event);
        return list;
      },
      response: () => new SseResponse(generate()),
    },
  },
  'of text': {
    observable: () => from(['Grüße', 'text']),
    sources: {
      array: () => ['Grüße', 'text'],
      'async generator': async function* () {
        yield await Promise.resolve('Grüße');
        yield 'text';
      },
      'Node stream': () => Readable.from(['Grüße', 'text']),
      'web stream': () => ReadableStream.from(['Grüße', 'text']),
    },
  },
  'of nothing': { observable: () => of(), sources: { array: () => [], generator: function* () {} } },
  'that fails first': {
    observable: () => throwError(failure),
    sources: {
      generator: function* () {
        throw failure();
      },

      'async generator': async function* () {
        throw await Promise.resolve(failure());
      },
      'Node stream': () =>
        new Readable({
          objectMode: true,
          read() {
            this.destroy(failure());
          },
        }),
    },
  },
  'that fails after an event': {
    observable: () => concat(of({ data: 'one' }), throwError(failure)),
    sources: {
      generator: function* () {
        yield { data: 'one' };
        throw failure();
      },
      'async generator': async function* () {
        yield { data: 'one' };
        throw await Promise.resolve(failure());
      },
    },
  },
};

const handlers: Handlers = Object.fromEntries(
  Object.entries(kinds).flatMap(([kind, { observable, sources }]) => [
    [kind, observable],
    ...Object.entries(sources).map(([name, source]) => [`${name} ${kind}`, source] as const),
  ]),
);
/**
 * A source that can wait is asked for its second value when the interceptor has let go of the first. So it fails later than
 * an Observable, which cannot wait: after the headers, and after its event.
 */
const later: Readonly<Record<string, Item[]>> = {
  'mapping later | that fails after an event': [
    { type: 'message', data: 'one' },
    { type: 'error', data: 'taken' },
  ],
  'all in one | that fails after an event': [{ type: 'error', data: '{"message":"taken","statusCode":409}' }],
};
const inStream = { status: 200, contentType: 'text/event-stream', body: undefined };

const general = Object.entries(interceptors).filter(([, one]) => !one.sources);

// What Nest's own @Sse() cannot stream: an interceptor does with each of their events what it does with an Observable's.
describe.each(platforms.filter(({ http2 }) => !http2))('any source behind an interceptor, on $name', (platform) => {
  describe.each(placesOn(platform))('at %s', (place) => {
    const ledger = new Ledger();
    let running: Running;

    beforeAll(async () => {
      const { metadata, configure } = build(Sse, place, ledger, handlers);
      running = await start(platform, { ...metadata, imports: [SseModule.forRoot()] }, configure);
    });
    afterAll(() => running.app.close());

    it.each(general)('%s', async (name, one) => {
      const ask = async (handler: string) =>
        decode(await observe(running, pathOf(name, handler, handlers), ledger, one.lastFact));
      for (const [kind, { sources }] of Object.entries(kinds)) {
        for (let visit = 0; visit < (one.visits ?? 1); visit++) {
          let expected = await ask(kind);
          const whenItWaits = later[`${name} | ${kind}`];
          if (whenItWaits) expected = { ...expected, ...inStream, items: whenItWaits };
          const own = await Promise.all(
            Object.keys(sources).map(async (source) => [source, await ask(`${source} ${kind}`)] as const),
          );
          expect([kind, Object.fromEntries(own)]).toEqual([
            kind,
            Object.fromEntries(Object.keys(sources).map((source) => [source, expected])),
          ]);
        }
      }
    });
  });
});

let pulled = 0;
const pad = 'x'.repeat(65_536);
const eventCount = 1_000;

@Controller()
class SlowController {
  @Sse('numbers') async *numbers(@Query('count') count: number) {
    for (pulled = 0; pulled < count; pulled++) yield { data: `${pulled} ${pad}` };
    await Promise.resolve();
  }
}

describe.each(platforms.filter(({ http2 }) => !http2))(
  'a source that can wait behind interceptors, on $name',
  (platform) => {
    it('is not pulled ahead of a client that does not read, and all of it arrives when it does', async () => {
      const pass = intercept((source) => source);
      const mapping = intercept(map((event) => ({ data: (event as SseEventInit).data })));
      const running = await start(platform, { imports: [SseModule.forRoot()], controllers: [SlowController] }, (app) =>
        app.useGlobalInterceptors(pass, mapping),
      );
      try {
        const client = await RawClient.open(running.url, get(`/numbers?count=${eventCount}`, { Connection: 'close' }));
        await until(() => [...running.app.get(SseConnections)].some(({ bufferedBytes }) => bufferedBytes > 0), 'full');
        // Turns of the same process that others have: a source that does not wait would go on in each of them.
        const atFirst = pulled;
        for (let n = 0; n < 50; n++) await request(running).get('/nowhere').expect(404);
        // The socket's own buffers may take some more.
        expect(pulled - atFirst).toBeLessThan(64);
        expect(pulled).toBeLessThan(eventCount / 4);
        const { body } = await client.response();
        const numbers = [...body.toString().matchAll(/^data: (\d+) /gm)].map(([, n]) => Number(n));
        expect(numbers).toEqual(Array.from({ length: eventCount }, (_, n) => n));
      } finally {
        await running.app.close();
      }
    });

    it('is released when its client leaves', async () => {
      const running = await start(platform, { imports: [SseModule.forRoot()], controllers: [SlowController] }, (app) =>
        app.useGlobalInterceptors(intercept((source) => source)),
      );
      try {
        const client = await open(running, `/numbers?count=${eventCount}`);
        await client.events(3);
        client.leave();
        await until(() => [...running.app.get(SseConnections)].length === 0);
        const atEnd = pulled;
        for (let n = 0; n < 5; n++) await request(running).get('/nowhere').expect(404);
        expect(pulled).toBe(atEnd);
        expect(pulled).toBeLessThan(eventCount / 4);
      } finally {
        await running.app.close();
      }
    });
  },
);
