import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import { ChannelSet } from '../../lib/channel/channel-set.js';
import type { Connection } from '../../lib/connection/connection.js';
import { Sse, SseBroadcaster, SseConnections, SseModule, type SseModuleOptions } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { GatedBackplane } from './gates.js';

const told: string[] = [];

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('channels') channels: string) {
    return this.broadcaster.subscribe(channels.split(','));
  }
  @Sse('earliest') earliest() {
    return this.broadcaster.subscribe('a', { from: 'earliest' });
  }
  @Sse('done', { done: '[DONE]' }) done() {
    return this.broadcaster.subscribe('a');
  }
  @Sse('filtered') filtered() {
    return this.broadcaster.subscribe('a', { filter: ({ data }) => (JSON.parse(data!) as { ok: boolean }).ok });
  }
  @Sse('promised') promised() {
    const filter = (() => Promise.resolve(false)) as unknown as () => boolean;
    return this.broadcaster.subscribe('a', { filter });
  }
  @Sse('hooked') hooked() {
    return this.broadcaster.subscribe('a', {
      onSubscribe: () => void told.push('in'),
      onUnsubscribe: () => {
        told.push('out');
        throw new Error('a hook that throws');
      },
    });
  }
}

describe('channels, when others misbehave', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  let connections: SseConnections;
  const clients: Client[] = [];

  const begin = async (options: SseModuleOptions = {}) => {
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, ...options })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
    connections = running.app.get(SseConnections);
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
    told.length = 0;
  });
  const follow = async (path: string, id?: string) => {
    const client = await open(running, path, id === undefined ? {} : { headers: { 'Last-Event-ID': id } });
    clients.push(client);
    return client;
  };
  const publish = (data: unknown, channel = 'a') => broadcaster.publish(channel, { data });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const setOf = () => (broadcaster as unknown as { set: ChannelSet }).set;

  // The key function ran inside publish(): it threw to the publisher, and the channel told nobody anything ever after.
  it('publishes on when a `latest` key function throws', async () => {
    await begin({
      slowClient: {
        latest: () => {
          throw new Error('no key');
        },
      },
    });
    const client = await follow('/feed?channels=a');
    await publish(1);
    await publish(2);
    expect((await client.events(2)).map(({ data }) => data)).toEqual(['1', '2']);
  });

  it('ends the one connection whose filter throws, and no other', async () => {
    await begin();
    const bad = await follow('/filtered');
    const good = await follow('/feed?channels=a');
    await publish('no JSON');
    await publish({ ok: true });
    expect(await bad.event()).toMatchObject({ event: 'error' });
    expect(await good.events(2)).toHaveLength(2);
  });

  it('sends nothing through a filter that answers with a promise, which would always be true', async () => {
    await begin();
    const client = await follow('/promised');
    await publish('a secret');
    expect((await client.rest()).map(({ event, data }) => [event, data])).toEqual([
      ['error', '{"message":"Internal server error","statusCode":500}'],
    ]);
  });

  // An end has no data: JSON.parse(undefined) turned every completion into a failure.
  it('does not ask a filter about the end of a channel', async () => {
    await begin();
    const client = await follow('/filtered');
    await publish({ ok: true });
    await broadcaster.end('a');
    expect((await client.rest()).map(({ event }) => event)).toEqual([undefined]);
  });

  // It threw out of a socket's 'close' event: an uncaught exception, and a connection that stayed in the registry.
  it('lets go of a connection whose onUnsubscribe throws, and tells each hook once', async () => {
    await begin();
    const client = await follow('/hooked');
    client.leave();
    await until(() => connections.size === 0);
    expect(told).toEqual(['in', 'out']);
    expect(broadcaster.subscribers('a')).toBe(0);
  });

  // The position was looked for in every channel, found in none, and that was no gap.
  it('announces one gap when a client of one channel, long away, comes back to several', async () => {
    await begin({ history: { maxEvents: 2 } });
    const { id } = await publish(0);
    for (let n = 1; n < 9; n++) await publish(n);
    const client = await follow('/feed?channels=a,b', id);
    const gap = await client.event();
    expect(gap).toMatchObject({ event: 'gap', data: '{"channel":["a","b"],"reason":"trimmed"}' });
    await publish('next', 'b');
    expect(await client.event()).toMatchObject({ data: 'next' });
    const known = await publish('known');
    await publish('missed');
    expect(await (await follow('/feed?channels=b,a', known.id)).event()).toMatchObject({ data: 'missed' });
  });

  // What drained was not the channel's, but the reader began again where it had been when it became live.
  it.each([
    ['nothing', []],
    ['something', ['meanwhile']],
  ])(
    "repeats and loses nothing when something else has filled a live reader's socket, and %s is published",
    async (_, data) => {
      await begin();
      const client = await follow('/feed?channels=a');
      const [connection] = connections as unknown as Connection[] & Iterable<Connection>;
      for (let n = 0; n < 5; n++) await publish(n);
      await client.events(5);
      let sent = 0;
      while (connection!.isWritable) {
        connection!.send({ type: 'filler', data: 'x'.repeat(60_000) });
        sent++;
        await turn();
      }
      for (const one of data) await publish(one);
      await turn();
      expect(connection!.isWritable).toBe(false);
      const rest = await client.events(sent + data.length);
      await until(() => connection!.isWritable);
      await turn();
      await publish('after');
      rest.push(...(await client.events(1)));
      expect(rest.filter(({ event }) => event !== 'filler').map((one) => one.data)).toEqual([...data, 'after']);
    },
  );

  // Page after page was read into the connection's own buffer, up to all that the store keeps.
  it('reads from a store no more than the client takes', async () => {
    const backplane = new GatedBackplane();
    backplane.ready.open();
    backplane.reading.open();
    await begin({ backplane, history: { maxEvents: 10 } });
    for (let n = 0; n < 2_000; n++) await publish(String(n).padEnd(16_384, '.'));
    const client = await follow('/earliest');
    const [connection] = connections as unknown as Iterable<Connection>;
    await until(() => connection!.bytesSent > 0 && !connection!.isWritable);
    for (let n = 0; n < 100; n++) await turn();
    process.stdout.write(
      `  of 32 MB in the store ${Math.round(connection!.bufferedBytes / 1_024)} KB wait for the client\n`,
    );
    expect(connection!.bufferedBytes).toBeLessThan(4 * 1_048_576);
    const events = await client.events(2_000);
    expect(events.map(({ data }) => parseInt(data))).toEqual(Array.from({ length: 2_000 }, (_, n) => n));
  });

  it('bounds its memory while a loop never lets go of the turn, and serves live clients', async () => {
    await begin({ history: { maxEvents: 100 } });
    const client = await follow('/feed?channels=a');
    await until(() => broadcaster.subscribers('a') === 1);
    const { log } = setOf().get('a');
    let most = 0;
    for (let n = 0; n < 100_000; n++) {
      await publish(n);
      most = Math.max(most, log.byteLength);
    }
    process.stdout.write(`  100,000 publishes in one turn: at most ${Math.round(most / 1_024)} KB in the log\n`);
    // What one turn may publish before it is written, and as much again for a client that is in the middle of it.
    expect(most).toBeLessThan(2_300_000);
    const first = await client.events(1_000);
    expect(first.map(({ data }) => Number(data))).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
  });

  it('forgets channels that nobody reads and that are empty, and the timer with the last, under `latest` too', async () => {
    await begin({ history: { maxAgeMs: 10 }, slowClient: { latest: () => 'key' } });
    for (let n = 0; n < 100; n++) await publish(n, `c${n}`);
    const set = setOf() as unknown as { channels: Map<string, unknown>; timer: unknown; sweep(now: number): void };
    expect(set.channels.size).toBe(100);
    set.sweep(performance.now() + 1_000);
    expect(set.channels.size).toBe(0);
    expect(set.timer).toBeUndefined();
  });

  it('goes on with the channels that go on when one of several ends, and says done when one alone has ended', async () => {
    await begin();
    const both = await follow('/feed?channels=a,b');
    const one = await follow('/done');
    await publish(1);
    await broadcaster.end('a');
    expect((await one.rest()).map(({ data }) => data)).toEqual(['1', '[DONE]']);
    await publish(2, 'b');
    expect((await both.events(2)).map(({ data }) => data)).toEqual(['1', '2']);
    await broadcaster.end('b');
    expect(await both.rest()).toEqual([]);
  });

  it('moves the position of a client whose filter leaves everything out', async () => {
    await begin();
    const client = await follow('/filtered');
    let last = '';
    for (let n = 0; n < 100; n++) last = (await publish({ ok: false })).id;
    await client.until(({ text }) => text.includes(`id: ${last}\n`));
  });

  it('refuses a bad event at once, and answers HEAD without a subscriber', async () => {
    await begin();
    expect(() => broadcaster.publish('a', { id: 'mine', data: 1 })).toThrow(
      expect.objectContaining({ code: 'SSE_INVALID_ID' }),
    );
    expect(() => broadcaster.publish('', 'x')).toThrow(expect.objectContaining({ code: 'SSE_INVALID_CHANNEL' }));
    const head = await open(running, '/feed?channels=a', { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(broadcaster.subscribers('a')).toBe(0);
  });
});
