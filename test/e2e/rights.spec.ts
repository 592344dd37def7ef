import 'reflect-metadata';
import { Controller, Header, HttpException, Logger, Param, Query } from '@nestjs/common';
import { interval, map, NEVER, of } from 'rxjs';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import {
  Sse,
  SseBroadcaster,
  SseClient,
  SseConnection,
  SseModule,
  type SseCloseReason,
  type SseModuleOptions,
} from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

const called = jest.fn();
const closed: Promise<SseCloseReason>[] = [];
/** When the streams of `/until` end, in milliseconds since the epoch. */
let expiry: () => unknown;
/** What `authorize` says. */
let mayRead: (channel: string) => boolean | Promise<boolean>;

interface Query_ {
  readonly query: { readonly user?: string };
}

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('until/clock', { expiresAt: () => expiry() as number })
  clock(@SseClient() client: SseConnection) {
    called();
    closed.push(client.closed);
    return interval(3).pipe(map(() => ({ data: { at: Date.now() } })));
  }

  @Sse('until/channel', { expiresAt: () => expiry() as number })
  channel(@SseClient() client: SseConnection) {
    closed.push(client.closed);
    return this.broadcaster.subscribe('a', { from: 'live' });
  }

  @Sse('until/text', { expiresAt: () => expiry() as number })
  async *text(@SseClient() client: SseConnection) {
    closed.push(client.closed);
    yield 'one';
    await new Promise((resolve) => client.signal.addEventListener('abort', resolve));
  }

  @Sse('until/silence', { expiresAt: () => expiry() as number, commit: 'firstEvent' })
  silence(@SseClient() client: SseConnection) {
    closed.push(client.closed);
    return NEVER;
  }

  @Sse('until/flood', { expiresAt: () => expiry() as number, buffer: { maxBytes: 100_000_000 } })
  flood(@SseClient() client: SseConnection) {
    closed.push(client.closed);
    return of('x'.repeat(30_000_000));
  }

  @Sse('short', { maxLifetimeMs: 50 })
  short(@SseClient() client: SseConnection) {
    closed.push(client.closed);
    return this.broadcaster.subscribe('a', { from: 'live' });
  }

  @Sse('rooms/:room', { authorize: (channel) => mayRead(channel) })
  room(@Param('room') room: string, @SseClient() client: SseConnection) {
    client.context.room = room;
    return this.broadcaster.subscribe(['a', room]);
  }

  @Sse('mine')
  mine(@Query('user') user: string, @SseClient() client: SseConnection) {
    client.context.user = user;
    return this.broadcaster.subscribe('a', { from: 'live' });
  }

  @Sse('pages', { allowedOrigins: ['https://app.example.com'] })
  @Header('Vary', 'Accept-Language')
  pages() {
    called();
    return of('hello');
  }
}

const start_ = (platform: (typeof platforms)[number], options: SseModuleOptions = {}) =>
  start(platform, { imports: [SseModule.forRoot({ ping: false, ...options })], controllers: [Feeds] });

describe.each(platforms)('on $name', (platform) => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const clients: Client[] = [];

  const boot = async (options?: SseModuleOptions) => {
    running = await start_(platform, options);
    broadcaster = running.app.get(SseBroadcaster);
  };
  const visit = async (path: string, headers: Record<string, string> = {}) => {
    const client = await open(running, path, { headers });
    clients.push(client);
    return client;
  };
  /** Reads all, whatever the end is. */
  const body = async (client: Client) => {
    const events = await client.rest();
    return events.map(({ event, data }) => [event, data] as const);
  };

  beforeEach(() => {
    called.mockClear();
    closed.length = 0;
    expiry = () => undefined;
    mayRead = () => true;
    jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
  });

  describe('expiresAt', () => {
    beforeEach(() => boot());

    it('answers 401 when the time is over, and does not call the handler', async () => {
      expiry = () => Date.now() - 1;
      const client = await visit('/until/clock');
      expect(client.status).toBe(401);
      expect(client.headers['content-type']).toMatch('application/json');
      expect(called).not.toHaveBeenCalled();
    });

    it.each([
      ['an Observable', '/until/clock'],
      ['a channel', '/until/channel'],
    ])('lets nothing of %s leave after the time, and says so last', async (_, path) => {
      let deadline = 0;
      expiry = () => new Date((deadline = Date.now() + 1_000));
      const client = await visit(path);
      let timer: NodeJS.Timeout | undefined;
      if (path.endsWith('channel')) {
        await until(() => broadcaster.subscribers('a') === 1);
        timer = setInterval(() => void broadcaster.publish('a', { data: { at: Date.now() } }), 3);
      }
      // What a socket has not handed on by then must not leave either: such a client is cut off, and is told nothing.
      const isWhole = await client.rest().then(
        () => true,
        () => false,
      );
      clearInterval(timer);
      const times = [...client.text.matchAll(/"at":(\d+)/g)].map(([, at]) => Number(at));
      expect(times.length).toBeGreaterThan(0);
      expect(Math.max(...times)).toBeLessThanOrEqual(deadline);
      const last = 'event: unauthorized\ndata: {"message":"Unauthorized","statusCode":401}\n\n';
      expect(client.text.endsWith(last)).toBe(isWhole);
      expect(await closed[0]).toMatchObject({ code: 'unauthorized' });
    });

    it('ends a stream that has nothing to send, and tells one of strings as text', async () => {
      expiry = () => Date.now() + 700;
      expect(await body(await visit('/until/text'))).toEqual([
        [undefined, 'one'],
        ['unauthorized', 'Unauthorized'],
      ]);
    });

    it('answers 401 when the time passes before the first event', async () => {
      expiry = () => Date.now() + 100;
      expect((await visit('/until/silence')).status).toBe(401);
      expect(await closed[0]).toMatchObject({ code: 'unauthorized' });
    });

    it('ends at the next event when the clock jumps ahead', async () => {
      expiry = () => Date.now() + 3_600_000;
      const client = await visit('/until/channel');
      await until(() => broadcaster.subscribers('a') === 1);
      await broadcaster.publish('a', 'before');
      expect(await client.event()).toMatchObject({ data: 'before' });
      const { now } = Date;
      jest.spyOn(Date, 'now').mockImplementation(() => now() + 3_600_001);
      await broadcaster.publish('a', 'after');
      expect((await body(client)).map(([type]) => type)).toEqual(['unauthorized']);
    });

    it('ends in time when the clock is set back', async () => {
      expiry = () => Date.now() + 300;
      const client = await visit('/until/clock');
      const { now } = Date;
      jest.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
      expect((await body(client)).at(-1)?.[0]).toBe('unauthorized');
    });

    it('cuts off a client whose socket still has older events', async () => {
      expiry = () => Date.now() + 300;
      const client = await visit('/until/flood');
      // It does not read.
      expect(await closed[0]).toMatchObject({ code: 'unauthorized' });
      await expect(client.rest()).rejects.toThrow();
      expect(client.text).not.toContain('unauthorized');
    });

    it('refuses seconds, which a JWT has', async () => {
      expiry = () => Math.floor(Date.now() / 1_000) + 60;
      expect((await visit('/until/clock')).status).toBe(500);
      expect(called).not.toHaveBeenCalled();
    });

    it('leaves nothing behind', async () => {
      const registry = running.app.get(ConnectionRegistry);
      const { lifetimes } = registry as unknown as { lifetimes: { size: number } };
      expiry = () => Date.now() + 3_600_000;
      const client = await visit('/until/channel');
      expect(lifetimes.size).toBe(1);
      client.leave();
      await until(() => registry.all.size === 0);
      expect(lifetimes.size).toBe(0);
    });
  });

  it('maxLifetimeMs ends a stream cleanly, and its client comes back without a hole', async () => {
    await boot();
    const client = await visit('/short');
    await until(() => broadcaster.subscribers('a') === 1);
    await broadcaster.publish('a', '1');
    const { id } = (await client.event())!;
    expect(await client.rest()).toEqual([]);
    expect(await closed[0]).toMatchObject({ code: 'lifetime_over' });
    await broadcaster.publish('a', '2');
    const again = await visit('/short', { 'last-event-id': id! });
    expect((await again.event())?.data).toBe('2');
  });

  describe('reauthorize', () => {
    const asked: (string | undefined)[] = [];
    let check: (user: string | undefined) => boolean | Promise<boolean>;

    beforeEach(async () => {
      asked.length = 0;
      await boot({
        reauthorize: {
          everyMs: 40,
          key: (request) => (request as Query_).query.user ?? null,
          check: (_request, key) => {
            asked.push(key);
            return check(key);
          },
        },
      });
    });

    it('ends all connections of a key that may not read any more, after one check, and no others', async () => {
      check = () => true;
      const [ann, ann2, bob] = [
        await visit('/mine?user=ann'),
        await visit('/mine?user=ann'),
        await visit('/mine?user=bob'),
      ];
      await until(() => broadcaster.subscribers('a') === 3);
      check = (user) => user !== 'ann';
      const before = asked.filter((user) => user === 'ann').length;
      expect((await body(ann)).map(([type]) => type)).toEqual(['unauthorized']);
      expect((await body(ann2)).map(([type]) => type)).toEqual(['unauthorized']);
      // It may have been asked at the very moment at which the answer changed.
      expect(asked.filter((user) => user === 'ann').length - before).toBeLessThanOrEqual(2);
      await broadcaster.publish('a', 'still here');
      expect((await bob.event())?.data).toBe('still here');
    });

    it('does not ask for a client without a key', async () => {
      check = () => false;
      const [nobody, ann] = [await visit('/mine'), await visit('/mine?user=ann')];
      await body(ann);
      await broadcaster.publish('a', 'here');
      expect((await nobody.event())?.data).toBe('here');
      expect(new Set(asked)).toEqual(new Set(['ann']));
    });

    it('ends at once when the check throws 403 as a guard does', async () => {
      check = () => Promise.reject(new HttpException('no', 403));
      expect((await body(await visit('/mine?user=ann'))).map(([type]) => type)).toEqual(['unauthorized']);
      expect(asked).toEqual(['ann']);
    });

    it('asks once more when the check fails, or does not answer, and then takes it for no', async () => {
      const answers = [
        () => Promise.reject(new Error('away')),
        () => true,
        () => new Promise<boolean>(() => undefined),
        () => Promise.reject(new Error('away')),
      ];
      check = () => answers.shift()!();
      expect((await body(await visit('/mine?user=ann'))).map(([type]) => type)).toEqual(['unauthorized']);
      expect(asked).toHaveLength(4);
    });

    it('takes anything but true for no', async () => {
      check = () => undefined as never;
      expect((await body(await visit('/mine?user=ann'))).map(([type]) => type)).toEqual(['unauthorized']);
    });
  });

  describe('authorize', () => {
    beforeEach(() => boot());

    it('answers 403 for a channel that the client may not read', async () => {
      mayRead = (channel) => Promise.resolve(channel === 'a');
      const client = await visit('/rooms/secret');
      expect([client.status, client.headers['content-type']]).toEqual([403, expect.stringMatching('application/json')]);
      expect(broadcaster.subscribers('a')).toBe(0);
      expect(broadcaster.subscribers('secret')).toBe(0);
    });

    it('answers with the status of what it throws', async () => {
      mayRead = () => Promise.reject(new HttpException('who pays?', 402));
      expect((await visit('/rooms/b')).status).toBe(402);
    });

    it('leaves out a channel that may not join, and takes one that may', async () => {
      mayRead = (channel) => channel !== 'secret';
      const client = await visit('/rooms/b');
      await until(() => broadcaster.subscribers('b') === 1);
      expect(await broadcaster.join({ room: 'b' }, 'secret')).toBe(0);
      expect(await broadcaster.join({ room: 'b' }, 'open')).toBe(1);
      await broadcaster.publish('secret', 'not for you');
      await broadcaster.publish('open', 'for you');
      expect((await client.event())?.data).toBe('for you');
    });

    it('counts one that joins twice at the same time once', async () => {
      const client = await visit('/rooms/b');
      await until(() => broadcaster.subscribers('b') === 1);
      await Promise.all([broadcaster.join({ room: 'b' }, 'c'), broadcaster.join({ room: 'b' }, 'c')]);
      expect(broadcaster.subscribers('c')).toBe(1);
      await broadcaster.publish('c', '1');
      await broadcaster.publish('c', '2');
      expect([(await client.event())?.data, (await client.event())?.data]).toEqual(['1', '2']);
    });
  });

  describe('disconnect() with blockForMs', () => {
    beforeEach(() => boot());

    it('keeps out who has the tags, until the time is over, and nobody else', async () => {
      const ann = await visit('/mine?user=ann');
      await until(() => broadcaster.subscribers('a') === 1);
      expect(broadcaster.disconnect({ user: 'ann' }, { blockForMs: 1_500 })).toBe(1);
      await ann.rest();
      const again = await visit('/mine?user=ann');
      expect([again.status, (await visit('/mine?user=bob')).status]).toEqual([403, 200]);
      expect(again.headers['content-type']).toMatch('application/json');
      let status = 403;
      while (status === 403) ({ status } = await visit('/mine?user=ann'));
      expect(status).toBe(200);
    });

    it.each([0, -1, NaN, '1', Infinity])('refuses %p, and ends nothing', async (blockForMs) => {
      await visit('/mine?user=ann');
      expect(() => broadcaster.disconnect({ user: 'ann' }, { blockForMs: blockForMs as never })).toThrow(
        expect.objectContaining({ code: 'SSE_INVALID_OPTION' }),
      );
      expect(() => broadcaster.disconnect(() => true, { blockForMs: 1_000 })).toThrow('use tags');
      expect([...running.app.get(ConnectionRegistry).all].map(({ state }) => state)).toEqual(['open']);
    });
  });

  describe('allowedOrigins', () => {
    beforeEach(() => boot());
    const own = () => running.url;

    it.each([
      ['of another site', 'https://evil.example.com'],
      ['that is only like an allowed one', 'https://app.example.com.evil.example'],
      ['of another scheme', 'http://app.example.com'],
      ['that is opaque', 'null'],
    ])('answers 403 to a page %s, before the handler', async (_, origin) => {
      const client = await visit('/pages', { origin });
      expect(client.status).toBe(403);
      expect(client.headers['access-control-allow-origin']).toBeUndefined();
      expect(client.headers['vary']).toMatch('Origin');
      expect(called).not.toHaveBeenCalled();
    });

    it('lets a page of an allowed origin read with credentials', async () => {
      const client = await visit('/pages', { origin: 'https://app.example.com' });
      expect(client.status).toBe(200);
      expect(client.headers).toMatchObject({
        'access-control-allow-origin': 'https://app.example.com',
        'access-control-allow-credentials': 'true',
      });
      expect(client.headers['vary']).toMatch('Origin');
    });

    it('lets the own page and everything that is no page read as before', async () => {
      const requests: Record<string, string>[] = [
        {},
        { origin: own() },
        { origin: 'https://front.example', 'sec-fetch-site': 'same-origin' },
      ];
      for (const headers of requests) {
        const client = await visit('/pages', headers);
        expect([client.status, client.headers['access-control-allow-origin']]).toEqual([200, undefined]);
      }
    });
  });
});

it.each([
  [{ expiresAt: 7 }, 'expiresAt'],
  [{ reauthorize: {} }, 'reauthorize.check'],
  [{ reauthorize: { check: Boolean, everyMs: 0 } }, 'reauthorize.everyMs'],
  [{ reauthorize: { check: Boolean, key: 'user' } }, 'reauthorize.key'],
  [{ reauthorize: true }, 'reauthorize'],
  [{ authorize: true }, 'authorize'],
  [{ maxLifetimeMs: 0 }, 'maxLifetimeMs'],
  [{ allowedOrigins: 'https://app.example.com' }, 'allowedOrigins'],
  [{ allowedOrigins: ['*'] }, 'allowedOrigins[0]'],
  [{ allowedOrigins: ['https://app.example.com/'] }, 'allowedOrigins[0]'],
])('%p is refused when the application starts, by its name', (options, name) => {
  expect(() => Sse('x', options as never)).toThrow(
    expect.objectContaining({ code: 'SSE_INVALID_OPTION', message: expect.stringContaining(name) as string }),
  );
});
