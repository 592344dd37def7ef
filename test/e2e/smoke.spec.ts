import 'reflect-metadata';
import { Body, Controller, HttpException, Logger, RequestMethod } from '@nestjs/common';
import { interval, map, of, take, throwError } from 'rxjs';
import { Sse, SseConnections, SseModule, SseResponse, SseSignal, SseStream } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

@Controller()
class C {
  left: unknown;
  @Sse('of') of() {
    return of({ type: 'a', data: 1, id: 1 }, 'two');
  }
  @Sse('list') list() {
    return new SseStream().addData(1).addEvent('x', { y: 2 });
  }
  @Sse('clock') clock() {
    return interval(5).pipe(map((n) => ({ data: n })));
  }
  @Sse('async', { done: '[DONE]' }) async *gen() {
    yield 1;
    await Promise.resolve();
    yield { data: 2 };
  }
  @Sse('late') async late() {
    await new Promise((r) => setTimeout(r, 30));
    throw new HttpException('late', 418);
  }
  @Sse('fail') fail() {
    return throwError(() => new HttpException('no', 402));
  }
  @Sse('failafter') async *failAfter() {
    yield 1;
    throw new HttpException('sorry', 402);
  }
  @Sse('null') null() {
    return null;
  }
  @Sse('undefined') undefined() {
    return undefined;
  }
  @Sse('ai', { method: RequestMethod.POST }) ai(@Body() body: { stream: boolean }) {
    return body.stream ? ['a', 'b'] : SseResponse.json({ text: 'ab' }, 202);
  }
  @Sse('signal') async *signal(@SseSignal() signal: AbortSignal) {
    yield 'hi';
    await new Promise((r) => signal.addEventListener('abort', r));
    this.left = signal.reason;
  }
}

describe.each(platforms)('on $name', (platform) => {
  let running: Running;
  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [C] });
  });
  afterAll(() => running.app.close());

  it('streams', async () => {
    const client = await open(running, '/of');
    expect(client.status).toBe(200);
    expect(await client.rest()).toHaveLength(2);

    expect((await (await open(running, '/list')).rest()).length).toBe(2);
    expect((await (await open(running, '/async')).rest()).map((e) => e.data)).toEqual(['1', '2', '[DONE]']);
    const clock = await open(running, '/clock');
    await clock.events(3);
    clock.leave();
  });
  const status = async (path: string) => {
    const client = await open(running, path);
    await client.rest();
    return client.status;
  };
  it('fails', async () => {
    expect(await status('/late')).toBe(418);
    expect(await status('/fail')).toBe(402);
    expect(await status('/undefined')).toBe(500);
    expect(await status('/null')).toBe(204);
    const client = await open(running, '/failafter');
    expect(client.status).toBe(200);
    expect((await client.rest()).map((e) => [e.event, e.data])).toEqual([
      [undefined, '1'],
      ['error', 'sorry'],
    ]);
  });
  it('json', async () => {
    const json = await open(running, '/ai', { method: 'POST', body: { stream: false } });
    await json.rest();
    expect([json.status, json.text]).toEqual([202, '{"text":"ab"}']);
    const stream = await open(running, '/ai', { method: 'POST', body: { stream: true } });
    expect(stream.status).toBe(200);
    expect((await stream.rest()).length).toBe(2);
  });
  it('signal', async () => {
    const client = await open(running, '/signal');
    await client.event();
    const [connection] = [...running.app.get(SseConnections)].slice(-1);
    client.leave();
    expect(await connection!.closed).toMatchObject({ code: 'client_left' });
    expect(running.app.get(C).left).toMatchObject({ code: 'client_left' });
  });
});
