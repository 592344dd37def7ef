import Fastify from 'fastify';
import { tellsWriteQueueSize } from '../connection/node-internals.js';
import { checkPlatform, fastifyContextKey, NEST_METADATA } from './internals.js';

const adapterOf = (type: string, instance: unknown) => ({ getType: () => type, getInstance: () => instance });

describe('internals', () => {
  it('learns the keys of metadata from the decorators of Nest', () => {
    expect(NEST_METADATA).toEqual({
      guards: '__guards__',
      interceptors: '__interceptors__',
      passthrough: '__responsePassthrough__',
      httpCode: '__httpCode__',
      redirect: '__redirect__',
      routeArguments: '__routeArguments__',
    });
  });

  it("finds the context of a route's requests in Fastify, where its hooks are", async () => {
    const fastify = Fastify();
    let onSend: unknown;
    const key = fastifyContextKey(fastify);
    const hook = (_request: unknown, _reply: unknown, payload: unknown, done: (error: null, value: unknown) => void) =>
      done(null, payload);
    fastify.addHook('onSend', hook as never);
    fastify.get('/', (request) => {
      onSend = (request as unknown as Record<symbol, { onSend: unknown }>)[key]!.onSend;
      return 'ok';
    });
    await fetch(await fastify.listen({ port: 0, host: '127.0.0.1' }));
    await fastify.close();
    expect(onSend).toHaveLength(1);
  });

  it.each([
    ['has no request', { version: '9.1.2' }],
    ['keeps no context', { version: '9.1.2', [Symbol('fastify.Request')]: class {} }],
    [
      'makes its requests in another way',
      {
        version: '9.1.2',
        [Symbol('fastify.Request')]: () => undefined,
      },
    ],
  ])('names a Fastify that is not as expected: %s', (_, fastify) => {
    expect(() => checkPlatform(adapterOf('fastify', fastify))).toThrow(
      expect.objectContaining({
        code: 'SSE_UNSUPPORTED',
        message: expect.stringContaining('this version of fastify (9.1.2)') as string,
      }),
    );
  });

  it('needs nothing of Express', () => {
    expect(checkPlatform(adapterOf('express', {}))).toBeUndefined();
  });

  it('knows what libuv holds of a socket, in this Node', () => {
    expect(tellsWriteQueueSize()).toBe(true);
  });
});
