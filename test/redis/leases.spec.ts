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

  async function begin(options: { aof?: boolean } = {}): Promise<void> {
    server = await RedisServer.start(path, options);
    link = await TcpProxy.to(server.port);
    // Seconds: a machine that stands still for less must not look like a node that has died.
    const fast = { publishTimeoutMs: 2_000, checkIntervalMs: 100, producerTtlMs: 3_000 };
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

  const start = async (onLost: () => void = ignore) => {
    const lease = await producer.produce(channel, words, settings, onLost);
    await producer.publish(channel, { kind: 'start' }, settings);
    await producer.publish(channel, event('1'), settings);
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
    await producer.publish(channel, { kind: 'end' }, settings);
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
    await expect(producer.publish(channel, event('x'), settings)).rejects.toThrow(/nothing was stored/);
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

  it('goes on after Redis has lost its data, also the record of it', async () => {
    await begin();
    let isLost = false;
    const lease = await start(() => (isLost = true));
    await server.command('FLUSHALL');
    await producer.publish(channel, event('2'), settings);
    // The renewal finds no record, and makes it again.
    await server.until(['HGET', `sse:{${channel}}:p`, 'holder'], '$16');
    expect(await others[0]!.produce(channel, words, settings, ignore)).toBeUndefined();
    await producer.publish(channel, event('3'), settings);
    expect(isLost).toBe(false);
    await lease.release();
    await ends();
    for (const log of logs) expect(log.data.slice(-3)).toEqual(['3', 'last words', undefined]);
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
