import 'reflect-metadata';
import { Controller, ForbiddenException, HttpException, Logger } from '@nestjs/common';
import { concat, of, throwError } from 'rxjs';
import { Sse, SseClient, SseModule, SseResponse, type SseConnection } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

const teapot = () => new HttpException('I am a teapot', 418);

/** With the error event that is the default. */
@Controller('default')
class DefaultErrorEvents {
  @Sse('text') text() {
    return concat(of('one', { type: 'two', data: 'two' }), throwError(teapot));
  }
  @Sse('json') json() {
    return concat(of({ data: { n: 1 } }), throwError(teapot));
  }
  @Sse('mixed') async *mixed() {
    yield { data: { n: 1 } };
    yield '[DONE]';
    throw new Error('secret');
  }
  @Sse('nothing') async *nothing() {
    yield { comment: 'working' };
    throw new Error('secret');
  }
  @Sse('sent') sent(@SseClient() client: SseConnection) {
    client.send({ data: [1] });
    return concat(of('one'), throwError(teapot));
  }
  @Sse('answer') answer() {
    return new SseResponse(this.json(), { errorEvent: (error) => ({ type: 'sorry', data: (error as Error).message }) });
  }
}

@Controller()
class ErrorEvents {
  @Sse('module') module() {
    return concat(of('one'), throwError(teapot));
  }
  @Sse('null', { errorEvent: () => null }) null() {
    return this.module();
  }
  @Sse('throws', {
    errorEvent: () => {
      throw new ForbiddenException('broken');
    },
  })
  throws() {
    return this.module();
  }
  @Sse('unsendable', { errorEvent: () => ({ type: 'a\nb' }) }) unsendable() {
    return this.module();
  }
}

describe.each(platforms)('errorEvent on $name', (platform) => {
  let running: Running;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  beforeAll(async () => {
    const errorEvent = (error: unknown) => ({ type: 'sorry', data: { text: (error as Error).message } });
    running = await start(platform, { imports: [SseModule.forRoot({ errorEvent })], controllers: [ErrorEvents] });
  });
  beforeEach(() => logged.mockClear());
  afterAll(() => running.app.close());

  const restOf = async (path: string) =>
    (await (await open(running, path)).rest()).map(({ event, data }) => [event, data]);

  it('makes the last event of a stream that fails', async () => {
    expect(await restOf('/module')).toEqual([
      [undefined, 'one'],
      ['sorry', '{"text":"I am a teapot"}'],
    ]);
  });

  it('makes none when it says null', async () => {
    expect(await restOf('/null')).toEqual([[undefined, 'one']]);
    expect(logged).toHaveBeenCalledTimes(1);
  });

  it.each(['/throws', '/unsendable'])('is logged when it fails itself, and the stream ends: %s', async (path) => {
    expect(await restOf(path)).toEqual([[undefined, 'one']]);
    expect(logged).toHaveBeenCalledTimes(2);
  });
});

describe.each(platforms)('the default error event on $name', (platform) => {
  let running: Running;
  beforeAll(async () => {
    jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [DefaultErrorEvents] });
  });
  afterAll(() => running.app.close());

  it.each([
    ['the message in a stream of strings', 'text', 'error', 'I am a teapot'],
    ['JSON where an event was JSON', 'json', 'error', '{"message":"I am a teapot","statusCode":418}'],
    ['JSON where one of the events was', 'mixed', 'error', '{"message":"Internal server error","statusCode":500}'],
    ['JSON where there was no event', 'nothing', 'error', '{"message":"Internal server error","statusCode":500}'],
    ['JSON where the connection has sent some', 'sent', 'error', '{"message":"I am a teapot","statusCode":418}'],
    ['what the answer makes of it', 'answer', 'sorry', 'I am a teapot'],
  ])('is %s', async (_, path, event, data) => {
    expect((await (await open(running, `/default/${path}`)).rest()).at(-1)).toMatchObject({ event, data });
  });
});
