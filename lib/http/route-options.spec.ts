import { ForbiddenException } from '@nestjs/common';
import { resolveStreamOptions, STREAM_DEFAULTS, type SseRouteOptions } from './route-options.js';

const resolve = (...layers: SseRouteOptions[]) => layers.reduce(resolveStreamOptions, STREAM_DEFAULTS);

describe('resolveStreamOptions', () => {
  it('leaves nothing out, and nothing to be changed', () => {
    const options = resolve({});
    expect(options).toEqual(STREAM_DEFAULTS);
    expect(Object.isFrozen(options)).toBe(true);
    expect(() => Object.assign(options.buffer, { maxBytes: 1 })).toThrow(TypeError);
    expect(() => Object.assign(options.responseHeaders.http1, { a: 'b' })).toThrow(TypeError);
  });

  it('takes from the layer below what is undefined, within nested options too', () => {
    const options = resolve(
      { retryMs: 1, ping: { intervalMs: 10 }, buffer: { overflow: 'dropOldest' }, done: 'bye' },
      { retryMs: undefined, ping: { event: undefined }, buffer: { maxBytes: 5 } },
    );
    expect(options).toMatchObject({
      retryMs: 1,
      ping: { intervalMs: 10, event: undefined },
      buffer: { maxBytes: 5, overflow: 'dropOldest' },
      done: 'bye',
    });
  });

  it('lets a route turn on what the module has turned off', () => {
    const off = resolve({ ping: false, retryMs: false, writeTimeoutMs: false });
    expect(off).toMatchObject({ ping: false, retryMs: false, writeTimeoutMs: false });
    expect(resolveStreamOptions(off, { ping: { intervalMs: 7 } }).ping).toEqual({ intervalMs: 7, event: undefined });
    expect(resolveStreamOptions(off, { ping: {} }).ping).toEqual({ intervalMs: 15_000, event: undefined });
  });

  describe('headers', () => {
    it('replace the defaults, whatever the case, and null leaves one out', () => {
      const { responseHeaders } = resolve({ headers: { 'cache-control': 'public', 'X-ACCEL-buffering': null } });
      expect(responseHeaders.http1).toEqual({
        'Content-Type': 'text/event-stream',
        'cache-control': 'public',
        'X-Content-Type-Options': 'nosniff',
        Vary: 'Last-Event-ID',
        Connection: 'keep-alive',
      });
    });

    it('of a route replace those of the module, whatever the case, and leave the others', () => {
      const { responseHeaders } = resolve({ headers: { 'X-A': '1', 'X-B': '2' } }, { headers: { 'x-a': ['3', '4'] } });
      expect(responseHeaders.http1).toMatchObject({ 'x-a': ['3', '4'], 'x-b': '2' });
      expect(Object.keys(responseHeaders.http1).map((name) => name.toLowerCase())).toHaveLength(7);
    });

    it('leave out for HTTP/2 what it forbids', () => {
      const { responseHeaders } = resolve({ headers: { 'Keep-Alive': 'timeout=5', 'x-a': 1 } });
      expect(responseHeaders.http1).toMatchObject({ Connection: 'keep-alive', 'keep-alive': 'timeout=5', 'x-a': '1' });
      expect(Object.keys(responseHeaders.http2)).toEqual([
        'Content-Type',
        'Cache-Control',
        'X-Accel-Buffering',
        'X-Content-Type-Options',
        'x-a',
      ]);
    });

    it('may have a name that every object knows, in a route as well', () => {
      const headers = JSON.parse('{ "__proto__": "a", "constructor": "b" }') as Record<string, string>;
      const { responseHeaders } = resolve({ headers }, { headers: { 'x-a': '1' } });
      expect(Object.entries(responseHeaders.http1)).toEqual(
        expect.arrayContaining([
          ['__proto__', 'a'],
          ['constructor', 'b'],
        ]),
      );
    });

    it.each([
      ['a name', { 'bad name': '1' }],
      ['a value', { 'x-a': 'a\r\nSet-Cookie: b=c' }],
      ['one of several values', { 'x-a': ['a', 'b\0'] }],
      ['a type', { 'x-a': true as never }],
      ['a type that only looks right', { 'x-a': {} as never }],
    ])('that HTTP forbids are refused: %s', (_, headers) => {
      expect(() => resolve({ headers })).toThrow(expect.objectContaining({ code: 'SSE_INVALID_OPTION' }));
    });
  });

  describe('errorEvent', () => {
    const { errorEvent } = STREAM_DEFAULTS;

    it('shows the message of an HttpException, and of nothing else', () => {
      expect(errorEvent(new ForbiddenException('not yours'), true)).toEqual({ type: 'error', data: 'not yours' });
      expect(errorEvent(new ForbiddenException('not yours'), false)).toEqual({
        type: 'error',
        data: { message: 'not yours', statusCode: 403 },
      });
      for (const error of [new Error('secret'), 'secret', undefined, { message: 'secret' }]) {
        expect(errorEvent(error, true)).toEqual({ type: 'error', data: 'Internal server error' });
        expect(errorEvent(error, false)).toMatchObject({ data: { message: 'Internal server error', statusCode: 500 } });
      }
    });
  });

  it.each<[object, string]>([
    [{ done: 5 }, 'The option done is 5. Allowed: a string.'],
    [{ done: null }, 'The option done is null. Allowed: a string.'],
    [{ commit: 'never' }, 'The option commit is "never". Allowed: "immediately", "firstEvent".'],
    [{ errorEvent: 'none' }, 'The option errorEvent is "none". Allowed: a function, or null for no event.'],
    [{ gapEvent: {} }, 'The option gapEvent is {  }. Allowed: a function, or null for no event.'],
    [{ ping: { event: 'ping' } }, 'The option ping.event is "ping". Allowed: a function.'],
    [{ ping: true }, 'The option ping is true.'],
    [{ ping: null }, 'The option ping is null.'],
    [{ buffer: 1024 }, 'The option buffer is 1024.'],
    [{ buffer: null }, 'The option buffer is null.'],
    [{ buffer: { overflow: { latest: 'key' } } }, 'The option buffer.overflow is { latest }.'],
    [{ headers: 'X-A: 1' }, 'The option headers is "X-A: 1".'],
    [{ headers: null }, 'The option headers is null.'],
  ])('names the option, the value and what is allowed: %j', (options, message) => {
    expect(() => resolve(options)).toThrow(message);
  });
});
