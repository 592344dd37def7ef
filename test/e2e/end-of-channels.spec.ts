import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Controller, Injectable, Query, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import {
  Sse,
  SseBroadcaster,
  SseClient,
  SseConnection,
  SseConnections,
  SseModule,
  SseShutdownService,
  type SseSubscribeOptions,
} from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

const kinds: Record<string, SseSubscribeOptions> = {
  live: {},
  filtered: { filter: () => true },
};

const clocks = [
  'Date',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
] as const;
const everythingBut = (...faked: (typeof clocks)[number][]) => clocks.filter((clock) => !faked.includes(clock));

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('user') user: string, @Query('kind') kind: string, @SseClient() client: SseConnection) {
    client.context.user = user;
    return this.broadcaster.subscribe(kind === 'several' ? ['a', 'b'] : 'a', kinds[kind] ?? {});
  }
}

/** Says something in the last hooks in which an application can. */
@Injectable()
class LastWords implements OnModuleDestroy, BeforeApplicationShutdown {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  onModuleDestroy() {
    void this.broadcaster.publish('a', 'from onModuleDestroy');
  }
  async beforeApplicationShutdown() {
    await this.broadcaster.publish('a', 'from beforeApplicationShutdown');
  }
}

// `await publish()` went on before the channel was flushed: the event was lost, with a clean end.
describe.each(platforms)('what was published before an end, on $name,', (platform) => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  let connections: SseConnections;
  let isOpen = false;
  beforeEach(async () => {
    running = await start(platform, {
      imports: [SseModule.forRoot({ ping: false })],
      controllers: [Feeds],
      providers: [LastWords],
    });
    isOpen = true;
    broadcaster = running.app.get(SseBroadcaster);
    connections = running.app.get(SseConnections);
  });
  const close = async () => {
    if (isOpen) await running.app.close();
    isOpen = false;
  };
  afterEach(close);
  const follow = async (kind = 'live', user = 'ann'): Promise<Client> => {
    const client = await open(running, `/feed?user=${user}&kind=${kind}`);
    const { size } = connections;
    await until(() => connections.size >= size && broadcaster.subscribers('a') > 0);
    return client;
  };
  const dataOf = async (client: Client) =>
    (await client.rest()).map(({ event, data }) => (event ? `${event}: ${data}` : data));

  describe.each(['live', 'filtered', 'several'])('is delivered before it to a reader that is %s,', (kind) => {
    it('when it is disconnected by tags, with a last event after it', async () => {
      const client = await follow(kind);
      await broadcaster.publish('a', 'one');
      expect(
        broadcaster.disconnect({ user: 'ann' }, { reason: 'banned', event: { type: 'banned', data: { why: 'spam' } } }),
      ).toBe(1);
      void broadcaster.publish('a', 'too late');
      expect(await dataOf(client)).toEqual(['one', 'banned: {"why":"spam"}']);
      expect(connections.closed).toMatchObject({ kicked: 1 });
    });

    it('when a predicate picks it', async () => {
      const client = await follow(kind);
      await broadcaster.publish('a', 'one');
      broadcaster.disconnect(({ context }) => context.user === 'ann', 'banned');
      expect(await dataOf(client)).toEqual(['one']);
    });

    it('when the connection is closed, with a last event after it', async () => {
      const client = await follow(kind);
      const [connection] = connections;
      await broadcaster.publish('a', 'one');
      connection!.close({ code: 'lifetime_over', event: { type: 'bye' } });
      connection!.close('again');
      expect(await dataOf(client)).toEqual(['one', 'bye: ']);
      expect(await connection!.closed).toMatchObject({ code: 'lifetime_over' });
    });

    it('when the application closes, also what its last hooks publish', async () => {
      const client = await follow(kind);
      await broadcaster.publish('a', 'one');
      const closing = close();
      expect(await dataOf(client)).toEqual(['one', 'from onModuleDestroy', 'from beforeApplicationShutdown']);
      await closing;
    });

    it('when the streams are shut down', async () => {
      const client = await follow(kind);
      await broadcaster.publish('a', 'one');
      const ending = running.app.get(SseShutdownService).shutdown();
      expect(await dataOf(client)).toEqual(['one']);
      await ending;
    });
  });

  it('is delivered to a client that has much to read, and nothing of what is published after it', async () => {
    const client = await follow();
    const [connection] = connections;
    // More than a socket takes, but not more than the history keeps.
    for (let n = 0; n < 200; n++) await broadcaster.publish('a', `${n} ${'x'.repeat(50_000)}`);
    broadcaster.disconnect({ user: 'ann' }, { event: 'goodbye' });
    await broadcaster.publish('a', 'too late');
    expect(broadcaster.disconnect({ user: 'ann' })).toBe(0);
    const data = await dataOf(client);
    expect(data.map((text) => text.split(' ')[0])).toEqual([
      ...Array.from({ length: 200 }, (_, n) => `${n}`),
      'goodbye',
    ]);
    expect(await connection!.closed).toMatchObject({ code: 'kicked' });
  });

  it('that takes longer than may be does not look like a whole one', async () => {
    const client = await follow();
    const [connection] = connections;
    for (let n = 0; n < 200; n++) await broadcaster.publish('a', 'x'.repeat(50_000));
    jest.useFakeTimers({ doNotFake: everythingBut('setTimeout', 'clearTimeout') });
    broadcaster.disconnect({ user: 'ann' }, { event: 'goodbye' });
    jest.advanceTimersByTime(5_000);
    jest.useRealTimers();
    await expect(client.rest()).rejects.toThrow();
    expect(client.text).not.toContain('goodbye');
    expect(await connection!.closed).toMatchObject({ code: 'kicked' });
  });

  it('and of a shutdown that has no more time does not look like a whole one', async () => {
    const client = await follow();
    const [connection] = connections;
    for (let n = 0; n < 200; n++) await broadcaster.publish('a', 'x'.repeat(50_000));
    jest.useFakeTimers({ doNotFake: everythingBut('setTimeout', 'clearTimeout') });
    const ending = running.app.get(SseShutdownService).shutdown();
    jest.advanceTimersByTime(5_000);
    jest.useRealTimers();
    await expect(client.rest()).rejects.toThrow();
    expect(await connection!.closed).toMatchObject({ code: 'server_closing' });
    await ending;
  });

  it('does not keep a client that leaves meanwhile', async () => {
    const client = await follow();
    const [connection] = connections;
    for (let n = 0; n < 200; n++) await broadcaster.publish('a', 'x'.repeat(50_000));
    broadcaster.disconnect({ user: 'ann' });
    client.leave();
    expect(await connection!.closed).toMatchObject({ code: 'client_left' });
    expect(broadcaster.subscribers('a')).toBe(0);
  });

  it('is not ended by a last event that cannot be sent', async () => {
    const client = await follow();
    const [connection] = connections;
    expect(() => connection!.close({ event: { id: 'a\nb' } })).toThrow(
      expect.objectContaining({ code: 'SSE_INVALID_ID' }),
    );
    expect(() => broadcaster.disconnect({ user: 'ann' }, { event: { id: 'mine', data: 1 } })).toThrow(
      expect.objectContaining({ code: 'SSE_INVALID_ID' }),
    );
    await broadcaster.publish('a', 'still here');
    expect(await client.event()).toMatchObject({ data: 'still here' });
    client.leave();
  });
});
