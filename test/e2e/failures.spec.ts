import 'reflect-metadata';
import { Controller, HttpException, Logger } from '@nestjs/common';
import { setTimeout as wait } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { concat, Observable, of, throwError } from 'rxjs';
import { Sse, SseClient, SseConnections, SseModule, SseResponse, type SseConnection } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

const teapot = () => new HttpException('I am a teapot', 418);

@Controller('handler')
class FailingHandlers {
  @Sse('sync') sync(): unknown {
    throw teapot();
  }
  @Sse('async') async async() {
    throw teapot();
  }
  @Sse('late') async late() {
    await wait(30);
    throw teapot();
  }
  @Sse('generator') async *generator(): AsyncGenerator<string> {
    throw teapot();
  }
  @Sse('plain') plain(): unknown {
    throw new Error('the password is 1234');
  }
  @Sse('undefined') undefined() {}
  @Sse('number') number() {
    return 5 as never;
  }
  @Sse('promise-of-undefined') async promiseOfUndefined() {}
  @Sse('bad-options') badOptions() {
    return new SseResponse(of(1), { retryMs: -1 });
  }
  @Sse('bad-status') badStatus() {
    return new SseResponse(of(1), { status: 42 });
  }
}

@Controller('source')
class FailingSources {
  @Sse('observable') observable() {
    return throwError(teapot);
  }
  @Sse('async-generator') async *asyncGenerator() {
    await new Promise(process.nextTick);
    throw teapot();
    yield 'never';
  }
  @Sse('readable') readable() {
    return new Readable({
      read() {
        this.destroy(teapot());
      },
    });
  }
  @Sse('web-stream') webStream() {
    return new ReadableStream({ pull: () => Promise.reject(teapot()) });
  }
  @Sse('promised-iterator') promisedIterator() {
    return [Promise.reject(teapot())];
  }
  @Sse('unsendable') unsendable() {
    return of({ colour: 'red' });
  }
  @Sse('late', { commit: 'firstEvent' }) async *late() {
    await wait(30);
    throw teapot();
    yield 'never';
  }
  @Sse('too-late') async *tooLate() {
    await wait(30);
    throw teapot();
    yield 'never';
  }
}

@Controller('stream')
class FailingStreams {
  @Sse('observable') observable() {
    return concat(of('one'), throwError(teapot));
  }
  @Sse('generator') async *generator() {
    yield 'one';
    throw teapot();
  }
  @Sse('readable') readable() {
    return Readable.from(this.generator());
  }
  @Sse('plain') async *plain() {
    yield 'one';
    throw new Error('the password is 1234');
  }
  @Sse('nothing-thrown') nothingThrown() {
    return new Observable((subscriber) => {
      subscriber.next('one');
      subscriber.error(undefined);
    });
  }
  @Sse('unsendable') async *unsendable() {
    yield 'one';
    yield { id: 'a\nb', data: 'bad' };
    yield 'never';
  }
  @Sse('after-send') async afterSend(@SseClient() client: SseConnection) {
    client.send('one');
    await wait(5);
    throw teapot();
  }
  @Sse('no-source-after-send') noSourceAfterSend(@SseClient() client: SseConnection) {
    client.send('one');
  }
}

describe.each(platforms)('failures on $name', (platform) => {
  let running: Running;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  beforeAll(async () => {
    running = await start(platform, {
      imports: [SseModule.forRoot()],
      controllers: [FailingHandlers, FailingSources, FailingStreams],
    });
  });
  beforeEach(() => logged.mockClear());
  afterEach(() => expect([...running.app.get(SseConnections)]).toEqual([]));
  afterAll(() => running.app.close());

  const restOf = async (path: string) => {
    const client = await open(running, path);
    expect(client.status).toBe(200);
    return (await client.rest()).map(({ event, data }) => [event, data]);
  };

  it.each(['sync', 'async', 'late', 'generator'])(
    'answers a handler that throws with the status of its error: %s',
    (path) => request(running).get(`/handler/${path}`).expect(418, { statusCode: 418, message: 'I am a teapot' }),
  );

  it('answers 500, and says no more, when a handler throws what is no HttpException', () =>
    request(running).get('/handler/plain').expect(500, { statusCode: 500, message: 'Internal server error' }));

  it.each(['undefined', 'promise-of-undefined'])('answers 500, and logs the forgotten return: %s', async (path) => {
    await request(running).get(`/handler/${path}`).expect(500);
    expect(String(logged.mock.calls[0]?.[0])).toMatch(/returned undefined/);
  });

  it('answers 500, and logs what a handler may return, when it returned something else', async () => {
    await request(running).get('/handler/number').expect(500);
    expect(String(logged.mock.calls[0]?.[0])).toMatch(/The source is a number, which yields no events/);
  });

  it.each([
    ['bad-options', /retryMs is -1/],
    ['bad-status', /status is 42/],
  ])('answers 500, and logs the option, when an SseResponse has bad ones: %s', async (path, message) => {
    await request(running).get(`/handler/${path}`).expect(500);
    expect(String(logged.mock.calls[0]?.[0])).toMatch(message);
  });

  it.each(['observable', 'async-generator', 'readable', 'web-stream', 'promised-iterator'])(
    'answers a source that fails at once with the status of its error: %s',
    (path) => request(running).get(`/source/${path}`).expect(418, { statusCode: 418, message: 'I am a teapot' }),
  );

  it('answers 500 when the first event cannot be sent', async () => {
    await request(running).get('/source/unsendable').expect(500);
    expect(String(logged.mock.calls[0]?.[0])).toMatch(/data/);
  });

  it('waits for the first event, and so for the status, with commit: firstEvent', () =>
    request(running).get('/source/late').expect(418));

  it('tells of a failure that comes after the headers by an event', async () => {
    expect(await restOf('/source/too-late')).toEqual([['error', '{"message":"I am a teapot","statusCode":418}']]);
  });

  it.each(['observable', 'generator', 'readable'])(
    'ends a stream that fails with one event, the message of the HttpException, and logs the error: %s',
    async (path) => {
      expect(await restOf(`/stream/${path}`)).toEqual([
        [undefined, 'one'],
        ['error', 'I am a teapot'],
      ]);
      expect(logged.mock.calls).toEqual([[expect.any(HttpException)]]);
    },
  );

  it('tells nothing of an error that is no HttpException', async () => {
    expect(await restOf('/stream/plain')).toEqual([
      [undefined, 'one'],
      ['error', 'Internal server error'],
    ]);
    expect(logged.mock.calls).toEqual([[new Error('the password is 1234')]]);
  });

  it('takes a source for failed that throws undefined', async () => {
    expect(await restOf('/stream/nothing-thrown')).toEqual([
      [undefined, 'one'],
      ['error', 'Internal server error'],
    ]);
  });

  it('sends nothing of an event that cannot be sent, and ends the stream', async () => {
    expect(await restOf('/stream/unsendable')).toEqual([
      [undefined, 'one'],
      ['error', 'Internal server error'],
    ]);
    expect(logged.mock.calls).toEqual([[expect.objectContaining({ code: 'SSE_INVALID_ID' })]]);
  });

  it('tells of a handler that fails after it has sent by itself', async () => {
    expect(await restOf('/stream/after-send')).toEqual([
      [undefined, 'one'],
      ['error', 'I am a teapot'],
    ]);
    expect(logged.mock.calls).toEqual([[expect.any(HttpException)]]);
  });

  it('ends a stream whose handler returned no source after it has sent by itself', async () => {
    expect(await restOf('/stream/no-source-after-send')).toEqual([
      [undefined, 'one'],
      ['error', 'Internal server error'],
    ]);
    expect(logged.mock.calls).toEqual([[expect.objectContaining({ code: 'SSE_NO_RETURN' })]]);
  });
});
