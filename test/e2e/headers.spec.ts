import 'reflect-metadata';
import { Controller, Header, HttpCode, Param, Redirect, Res, RequestMethod } from '@nestjs/common';
import { of } from 'rxjs';
import { Sse, SseModule, SseResponse } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

/** What Express's response and Fastify's reply have in common. */
interface Reply {
  header(name: string, value: string): Reply;
  status(code: number): Reply;
  send(body: unknown): unknown;
}

@Controller()
class HeadersController {
  @Sse('plain') plain() {
    return of(1);
  }

  @Header('Cache-Control', 'public, max-age=29')
  @Header('X-Above', 'yes')
  @Sse('above')
  above() {
    return of(1);
  }

  @Sse('below')
  @Header('cache-control', 'public, max-age=29')
  @Header('X-Below', 'yes')
  @Header('Vary', 'Origin')
  below() {
    return of(1);
  }

  @Sse('route', { headers: { 'Cache-Control': 'no-cache', 'X-Module': 'route', 'X-Accel-Buffering': null } })
  route() {
    return of(1);
  }

  @Header('X-Module', 'header')
  @Sse('winner', { headers: { 'X-Module': 'route' } })
  winner(@Res({ passthrough: true }) reply: Reply) {
    reply.header('X-Reply', 'reply');
    return new SseResponse(of(1), { headers: { 'x-module': 'response', 'X-List': ['a', 'b'], 'X-Number': 7 } });
  }

  @Sse('public', { headers: { 'Cache-Control': 'public, max-age=29' } })
  public() {
    return of(1);
  }

  @Sse('public/reply', { headers: { 'Cache-Control': 'public, max-age=29' } })
  publicReply(@Res({ passthrough: true }) reply: Reply) {
    reply.header('Vary', 'Accept-Language');
    return of(1);
  }

  @Sse('public/response')
  publicResponse() {
    return new SseResponse(of(1), { headers: { 'cache-control': 'public' } });
  }

  @Sse('reply')
  async *reply(@Res({ passthrough: true }) reply: Reply) {
    reply.header('Cache-Control', 'no-cache').header('X-Reply', 'from the generator');
    yield 1;
  }

  @Sse('status')
  status(@Res({ passthrough: true }) reply: Reply) {
    reply.status(203);
    return of(1);
  }

  @HttpCode(202) @Sse('code/above', { method: RequestMethod.POST }) codeAbove() {
    return of(1);
  }

  @Sse('code/below', { method: RequestMethod.POST }) @HttpCode(202) codeBelow() {
    return of(1);
  }

  @HttpCode(202) @Sse('code/response') codeResponse() {
    return new SseResponse(of(1), { status: 203 });
  }

  @Sse('post', { method: RequestMethod.POST }) post() {
    return of(1);
  }

  @Redirect('/plain', 307) @Sse('redirect') redirect() {
    return undefined;
  }

  @Sse('redirect/:to') @Redirect('/plain') dynamicRedirect(@Param('to') to: string) {
    return { url: `/${to}`, statusCode: 308 };
  }

  @Sse('manual') manual(@Res() reply: Reply) {
    reply.status(409).send({ by: 'hand' });
  }

  @Sse('invalid') invalid() {
    return new SseResponse(of(1), { headers: { 'X-Bad': 'line\nbreak' } });
  }
}

describe.each(platforms)('headers and status on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, {
      imports: [SseModule.forRoot({ headers: { 'x-module': 'module' } })],
      controllers: [HeadersController],
    });
  });
  afterAll(() => running.app.close());

  const headersOf = async (path: string) => {
    const client = await open(running, path);
    await client.rest();
    return client.headers;
  };

  it('are those that keep a stream from being cached, changed or held back', async () => {
    const headers = await headersOf('/plain');
    expect(headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'private, no-cache, no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-module': 'module',
    });
    expect(headers.vary).toBeUndefined();
    expect(headers['content-length']).toBeUndefined();
  });

  it('describe the connection over HTTP/1.1 only, and truly', async () => {
    expect((await headersOf('/plain')).connection).toBe(platform.http2 ? undefined : 'close');
    if (platform.http2) return;
    const client = await open(running, '/plain', { headers: { connection: 'keep-alive' } });
    await client.rest();
    expect(client.headers.connection).toBe('keep-alive');
  });

  it.each(['above', 'below'])('come from @Header() first, %s @Sse(), also Cache-Control', async (where) => {
    expect(await headersOf(`/${where}`)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'public, max-age=29',
      [`x-${where}`]: 'yes',
    });
  });

  it.each([
    ['of @Header()', '/above', 'Last-Event-ID'],
    ['of @Header(), beside what Vary says already', '/below', 'Origin, Last-Event-ID'],
    ['of the route', '/public', 'Last-Event-ID'],
    ['of the route, beside what the reply says', '/public/reply', 'Accept-Language, Last-Event-ID'],
    ['of the SseResponse', '/public/response', 'Last-Event-ID'],
  ])('say that the answer depends on the position with a public Cache-Control %s', async (_, path, vary) => {
    expect((await headersOf(path)).vary).toBe(vary);
  });

  it("come from the route's options before the module's, and null leaves one out", async () => {
    const headers = await headersOf('/route');
    expect(headers).toMatchObject({ 'cache-control': 'no-cache', 'x-module': 'route' });
    expect(headers).not.toHaveProperty('x-accel-buffering');
  });

  it('come from an SseResponse before everything else', async () => {
    expect(await headersOf('/winner')).toMatchObject({
      'x-module': 'response',
      'x-reply': 'reply',
      'x-list': 'a, b',
      'x-number': '7',
    });
  });

  it('may be set on the reply, also by a generator until its first event', async () => {
    expect(await headersOf('/reply')).toMatchObject({ 'cache-control': 'no-cache', 'x-reply': 'from the generator' });
  });

  it.each([
    ['200 for GET', '/plain', 'GET', 200],
    ["200 for POST, not Nest's 201, which a browser refuses", '/post', 'POST', 200],
    ['what @HttpCode() above says', '/code/above', 'POST', 202],
    ['what @HttpCode() below says', '/code/below', 'POST', 202],
    ['what the SseResponse says', '/code/response', 'GET', 203],
    ['what was set on the reply', '/status', 'GET', 203],
  ])('the status is %s', async (_, path, method, status) => {
    const client = await open(running, path, { method });
    expect(client.status).toBe(status);
    expect(await client.rest()).toMatchObject([{ data: '1' }]);
  });

  it('leaves @Redirect() alone', async () => {
    await request(running).get('/redirect').expect(307).expect('location', '/plain');
    await request(running).get('/redirect/elsewhere').expect(308).expect('location', '/elsewhere');
  });

  it('leaves alone what a handler with @Res() has answered by itself', () =>
    request(running).get('/manual').expect(409, { by: 'hand' }));

  it('answers 500 when a header cannot be sent', () => request(running).get('/invalid').expect(500));
});
