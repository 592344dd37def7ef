import type { SseBackplaneEvent, SsePublishSettings } from '../../lib/backplane/backplane.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { BackplaneLog } from '../support/backplane-log.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const settings: SsePublishSettings = { history: { maxEvents: 1_000, maxBytes: 10_000_000, maxAgeMs: 300_000 } };
const event = (data: string) => ({ kind: 'event', data }) as const;
const words: SseBackplaneEvent[] = [{ kind: 'event', data: 'last words' }, { kind: 'end' }];
const ignore = () => undefined;
const channel = 'answer';

describeWith('redis-server', 'the lease of a producer', (path) => {
  let server: RedisServer;
  let link: TcpProxy;
  let producer: RedisBackplane;
  let others: RedisBackplane[];
  let logs: BackplaneLog[];

  async function begin({
    producerTtlMs = 3_000,
    ...options
  }: { aof?: boolean; producerTtlMs?: number } = {}): Promise<void> {
    server = await RedisServer.start(path, options);
    link = await TcpProxy.to(server.port);
    // Seconds: a machine that stands still for less must not look like a node that has died.
    const fast = { publishTimeoutMs: 2_000, checkIntervalMs: 100, producerTtlMs };
    producer = new RedisBackplane({ url: link.url, ...fast });
    others = [1, 2].map(() => new RedisBackplane({ url: server.url, ...fast }));
    logs = [];
    for (const node of [producer, ...others]) {
      const log = new BackplaneLog();
      node.subscribe(channel, log);
      await log.isReady();
      logs.push(log);
    }
  }
  afterEach(async () => {
    await Promise.all([producer, ...others].map((node) => node.close()));
    await link.close();
    await server.stop();
  });

  const start = async (onLost: (why: 'taken' | 'gone') => void = ignore) => {
    const lease = await producer.produce(channel, words, settings, onLost);
    await lease!.publish({ kind: 'start' }, 0, settings);
    await lease!.publish(event('1'), 1, settings);
    return lease!;
  };
  const ends = (of = logs) =>
    Promise.all(of.map((log) => until(() => log.entries.at(-1)?.event.kind === 'end', 'the end')));
  const free = async () => {
    const [other] = others;
    let lease: { release(): Promise<void> } | undefined;
    const asked = (async () => {
      while (!lease) lease = await other!.produce(channel, words, settings, ignore).catch(ignore);
    })();
    await until(() => lease !== undefined, 'another node may produce');
    await asked;
    await lease?.release();
  };

  it('ends what has no end when it is released, on every node', async () => {
    await begin();
    const lease = await start();
    await lease.release();
    await ends();
    for (const log of logs) expect(log.data).toEqual([undefined, '1', 'last words', undefined]);
    await free();
  });

  it('adds nothing when the end is stored already, nor when nothing was stored since it began', async () => {
    await begin();
    const lease = await start();
    await lease.end([{ kind: 'end' }], 1);
    await lease.release();
    await ends();
    const idle = await producer.produce(channel, words, settings, ignore);
    await idle!.release();
    await producer.publish(channel, event('marker'), settings);
    await Promise.all(logs.map((log) => log.has('marker')));
    for (const log of logs) expect(log.data).toEqual([undefined, '1', undefined, 'marker']);
  });

  it('ends although Redis has no memory left', async () => {
    await begin();
    const lease = await start();
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(lease.publish(event('x'), 2, settings)).rejects.toThrow(/nothing was stored/);
    await lease.release();
    await ends();
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    await free();
  });

  it('ends as soon as Redis is back when it was released while Redis was away', async () => {
    await begin({ aof: true });
    const lease = await start();
    await Promise.all(logs.map((log) => log.has('1')));
    await server.kill();
    await lease.release();
    await server.run();
    await ends();
    await free();
  });

  it('runs out on a node that cannot reach Redis any more, and the others see the end', async () => {
    await begin();
    let isLost = false;
    const lease = await start(() => (isLost = true));
    await Promise.all(logs.map((log) => log.has('1')));
    link.stall();
    await lease.release();
    await ends(logs.slice(1));
    await free();
    link.heal();
    await ends();
    expect(isLost).toBe(false);
    for (const log of logs) expect(log.data).toEqual([undefined, '1', 'last words', undefined]);
  });

  // It went on: who came late read the rest, and nothing said that its beginning was missing.
  it.each<[string, (base: string) => Promise<unknown>]>([
    ['has lost everything', () => server.command('FLUSHALL')],
    ['has lost the stream', (key) => server.command('DEL', key)],
    [
      'has lost everything, and a watcher has made the stream again',
      async (key) => {
        await server.command('FLUSHALL');
        await server.until(['EXISTS', key], ':1');
      },
    ],
    [
      'has lost everything, and another node has published since',
      async () => {
        await server.command('FLUSHALL');
        await others[0]!.publish(channel, event('a note'), settings);
      },
    ],
  ])('stores nothing more when Redis %s, and ends with what it says of that', async (_, harm) => {
    await begin();
    const lease = await start();
    await Promise.all(logs.map((log) => log.has('1')));
    await harm(`sse:{${channel}}`);
    await expect(lease.publish(event('2'), 2, settings)).rejects.toMatchObject({ code: 'SSE_PRODUCTION_LOST' });
    await expect(lease.end([{ kind: 'end' }], 1)).rejects.toMatchObject({ code: 'SSE_PRODUCTION_LOST' });
    await lease.end([event('it is lost'), { kind: 'end', data: 'failed' }], undefined);
    await ends();
    for (const log of logs) expect(log.data.slice(-2)).toEqual(['it is lost', 'failed']);
    for (const node of [producer, ...others]) {
      const { entries } = await node.read(channel, undefined, 10);
      expect(entries.map(({ event }) => event.data).filter((data) => data !== 'a note')).toEqual([
        'it is lost',
        'failed',
      ]);
    }
    await free();
  });

  it('learns from its renewal that Redis has lost everything', async () => {
    await begin();
    let heard: string | undefined;
    const lease = await start((why) => (heard = why));
    await server.command('FLUSHALL');
    await until(() => heard !== undefined, 'the loss');
    expect(heard).toBe('gone');
    await lease.end([{ kind: 'end' }], undefined);
    await ends();
    await free();
  });

  // Redis has older data: what the record says of the newest event is as old as the stream.
  it('stores nothing more when Redis has lost the newest of what was produced', async () => {
    await begin();
    const lease = await start();
    const keys = [`sse:{${channel}}`, `sse:{${channel}}:p`] as const;
    for (const key of keys) await server.command('COPY', key, `older ${key}`);
    await lease.publish(event('2'), 2, settings);
    for (const key of keys) await server.command('COPY', `older ${key}`, key, 'REPLACE');
    // By a node that knows nothing newer: nothing shows that it is behind.
    await others[1]!.close();
    const stranger = (others[1] = new RedisBackplane({ url: server.url }));
    await stranger.publish(channel, event('a note'), settings);
    await expect(lease.publish(event('3'), 3, settings)).rejects.toMatchObject({ code: 'SSE_PRODUCTION_LOST' });
    await lease.release();
    await ends(logs.slice(0, 2));
  });

  it('stores an event once that is tried again because Redis was killed before it answered', async () => {
    // Nobody takes it for dead meanwhile.
    await begin({ aof: true, producerTtlMs: 600_000 });
    const lease = await start();
    link.forwardOnly(0);
    await expect(lease.publish(event('2'), 2, settings)).rejects.toMatchObject({ code: 'SSE_BACKPLANE_UNAVAILABLE' });
    await logs[1]!.has('2');
    await server.kill();
    await server.run();
    link.forwardOnly(Infinity);
    const again = async (): Promise<unknown> => lease.publish(event('2'), 2, settings).catch(() => again());
    await again();
    await lease.publish(event('3'), 3, settings);
    await lease.end([{ kind: 'end' }], 3);
    await ends(logs.slice(1));
    const { entries } = await others[0]!.read(channel, undefined, 10);
    expect(entries.map(({ event }) => event.data)).toEqual([undefined, '1', '2', '3', undefined]);
  });

  // Each event left a key behind for five minutes.
  it('needs nothing of Redis but the stream and one record, and no record when it is over', async () => {
    await begin();
    const lease = await start();
    for (let number = 2; number < 50; number++) await lease.publish(event(`${number}`), number, settings);
    const keys = async () =>
      (await server.command('KEYS', '*')).split('\r\n').filter((line) => line.startsWith('sse:'));
    expect((await keys()).sort()).toEqual([`sse:{${channel}}`, `sse:{${channel}}:p`]);
    await lease.end([{ kind: 'end' }], 49);
    expect(await server.command('HKEYS', `sse:{${channel}}:p`)).toBe('*1\r\n$6\r\nholder\r\n');
    expect(Number((await server.command('PTTL', `sse:{${channel}}:p`)).slice(1))).toBeLessThanOrEqual(120_000);
  });

  it('is not left behind when it is not known whether it was acquired', async () => {
    await begin();
    // The command arrives, and its answer does not.
    link.forwardOnly(0);
    await expect(producer.produce(channel, words, settings, ignore)).rejects.toMatchObject({
      code: 'SSE_BACKPLANE_UNAVAILABLE',
    });
    link.forwardOnly(Infinity);
    await free();
    await others[0]!.publish(channel, event('marker'), settings);
    await Promise.all(logs.map((log) => log.has('marker')));
    for (const log of logs) expect(log.data).toEqual(['marker']);
  });
});
