import { inspect } from 'node:util';
import { createClient } from 'redis';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import type { SseError } from '../../lib/protocol/sse-error.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';

const PASSWORD = 'hunter2';
const settings = { history: { maxEvents: 10, maxBytes: 1_000_000, maxAgeMs: false as const } };

/** Everything that a log could show of a value, also where a logger walks through it by itself. */
function shown(value: unknown): string {
  const seen = new Set<object>();
  const walk = (one: unknown): string => {
    if (typeof one !== 'object' || one === null) return String(one);
    if (seen.has(one)) return '';
    seen.add(one);
    const entries = one instanceof Map ? [...one] : one instanceof Set ? [...one] : [];
    const own = [...Object.values(one), ...entries] as unknown[];
    if (one instanceof Error) own.push(one.message, one.stack, one.cause);
    return own.map(walk).join(' ');
  };
  const options = [{}, { depth: 20, showHidden: true }, { depth: 20, customInspect: false }];
  return [...options.map((how) => inspect(value, how)), JSON.stringify(value), walk(value)].join(' ');
}

function refusal(options: object): SseError {
  try {
    new RedisBackplane(options);
  } catch (error) {
    return error as SseError;
  }
  throw new Error('it was not refused');
}

describe('the password of Redis', () => {
  it.each([
    ['a url of another kind', { url: `http://user:${PASSWORD}@host` }],
    ['a url that is none', { url: `redis://user:${PASSWORD}@host:port:port` }],
    ['a url and a client', { url: `redis://user:${PASSWORD}@host`, client: {} }],
    ['something else as a client', { client: { options: { password: PASSWORD } } }],
    ['an option that does not exist', { password: PASSWORD }],
    ['a prefix that is refused', { url: `redis://user:${PASSWORD}@host`, prefix: '{' }],
  ])('is not in the error for %s', (_, options) => {
    const error = refusal(options);
    expect(error.code).toBe('SSE_INVALID_OPTION');
    expect(shown(error)).not.toContain(PASSWORD);
  });

  it('is not in what is shown of a backplane that has not connected', () => {
    const backplane = new RedisBackplane({ url: `redis://user:${PASSWORD}@host` });
    expect(shown(backplane)).not.toContain(PASSWORD);
    expect(inspect({ backplane })).toContain('RedisBackplane');
    expect(JSON.stringify({ backplane })).toBe('{"backplane":{"prefix":"sse:","isClosed":false}}');
  });
});

describeWith('redis-server', 'the password of Redis, on a server that wants one', (path) => {
  let server: RedisServer;
  beforeEach(async () => {
    server = await RedisServer.start(path);
    await server.command('ACL', 'SETUSER', 'app', 'on', `>${PASSWORD}`, '~*', '&*', '+@all');
  });
  afterEach(() => server.stop());

  it.each(['url', 'client'])('is not in what is shown of a backplane that is connected by %s', async (by) => {
    const url = server.url.replace('//', `//app:${PASSWORD}@`);
    const backplane = new RedisBackplane(by === 'url' ? { url } : { client: createClient({ url }) });
    backplane.subscribe('orders', { ready: () => undefined, entry: () => undefined, gap: () => undefined });
    await backplane.publish('orders', { kind: 'event', data: '1' }, settings);
    expect(shown(backplane)).not.toContain(PASSWORD);
    expect(shown(await backplane.health())).not.toContain(PASSWORD);
    await backplane.close();
  });

  it('that is wrong is the reason that the error says, and is not in it', async () => {
    const url = server.url.replace('//', '//app:wrongpass@');
    const backplane = new RedisBackplane({ url, publishTimeoutMs: 3_000 });
    const error: unknown = await Promise.resolve(
      backplane.publish('orders', { kind: 'event', data: '1' }, settings),
    ).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'SSE_BACKPLANE_UNAVAILABLE',
      message: expect.stringMatching(/WRONGPASS.*nothing was stored/) as string,
    });
    expect(shown(error)).not.toContain('wrongpass');
    await backplane.close();
  });
});
