import type { SsePublishSettings } from '../../lib/backplane/backplane.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { comparePositions } from '../../lib/redis/stream-position.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const settings: SsePublishSettings = { history: { maxEvents: 1_000, maxBytes: 100_000_000, maxAgeMs: 300_000 } };
const event = (data: string) => ({ kind: 'event', data }) as const;

describeWith('redis-server', 'the reads of a Redis backplane', (path) => {
  let server: RedisServer;
  let node: RedisBackplane;
  beforeEach(async () => {
    server = await RedisServer.start(path);
    node = new RedisBackplane({ url: server.url, maxPending: 10, publishTimeoutMs: 30_000 });
  });
  afterEach(async () => {
    await node.close();
    await server.stop();
  });

  // 1.7 MB of requests made 116 publishes fail: both had one bound.
  it('do not keep a publish out, however many clients come back at once', async () => {
    const first = await node.publish('orders', event('0'), settings);
    for (let i = 1; i <= 100; i++) await node.publish('orders', event('x'.repeat(10_000)), settings);
    let read = 0;
    const reads = Array.from({ length: 2_000 }, async () => {
      const { entries } = await node.read('orders', first, 100, 100_000);
      read += entries.length > 0 ? 1 : 0;
    });
    for (let i = 0; i < 10; i++) await node.publish('orders', event(`${i}`), settings);
    // They were all stored while most of the reads were still waiting.
    expect(read).toBeLessThan(1_000);
    await Promise.all(reads);
    expect(read).toBe(2_000);
  });

  // They shared a connection, and answers come in order: whoever published waited for pages that others had asked for.
  it('keep no publish waiting while their answer is on its way', async () => {
    const link = await TcpProxy.to(server.port);
    const far = new RedisBackplane({ url: link.url, publishTimeoutMs: 30_000 });
    try {
      const first = await far.publish('orders', event('0'), settings);
      await far.publish('orders', event('x'.repeat(1_000_000)), settings);
      link.holdLarge(10_000);
      let isRead = false;
      const read = far.read('orders', first, 10).finally(() => (isRead = true));
      await until(() => link.held === 1, 'the answer is on its way');
      await far.publish('orders', event('1'), settings);
      expect(isRead).toBe(false);
      link.heal();
      expect((await read).entries).toHaveLength(1);
    } finally {
      link.heal();
      await far.close();
      await link.close();
    }
  });

  it('take ages by the clock of Redis, also when this node is ten minutes ahead', async () => {
    await node.publish('orders', event('1'), settings);
    const { now } = Date;
    Date.now = () => now() + 600_000;
    try {
      expect((await node.read('orders', undefined, 10)).entries).toHaveLength(1);
    } finally {
      Date.now = now;
    }
  });

  it('give nothing for a position that was not given out, and do not help to find one', async () => {
    const log: { position: string; previous: string | undefined }[] = [];
    node.subscribe('orders', { ready: () => undefined, entry: (entry) => log.push(entry), gap: () => undefined });
    const positions: string[] = [];
    for (let i = 0; i < 50; i++) positions.push(await node.publish('orders', event(`${i}`), settings));
    const [first = ''] = positions;
    const [ms, seq] = first.split('-');
    for (const guess of [`${ms}-0`, `${ms}-${Number(seq) + 1}`, `${ms}-${Number(seq) - 1}`, `${Number(ms) - 1}-0`]) {
      expect(await node.read('orders', guess, 10)).toMatchObject({ entries: [], gap: expect.any(String) as string });
    }
    // The reason is the same for all of one millisecond: nobody comes closer by halves.
    const head = positions.at(-1)!;
    const [headMs, headSeq] = head.split('-');
    const reasons = await Promise.all(
      [-2, -1, 1, 2].map(async (by) => (await node.read('orders', `${headMs}-${Number(headSeq) + by}`, 10)).gap),
    );
    expect(new Set(reasons).size).toBe(1);
    // 36 bits, which nothing in another one tells.
    const numbers = positions.map((position) => Number(position.split('-')[1]));
    expect(Math.max(...numbers)).toBeGreaterThan(2 ** 33);
    expect(new Set(numbers).size).toBe(50);
    expect([...positions].sort(comparePositions)).toEqual(positions);
  });
});

describeWith('redis-server', 'a Redis that stops answering and comes back', (path) => {
  it('gets what it was not sent yet, although the time of an earlier one was over', async () => {
    const server = await RedisServer.start(path, { aof: true });
    const publishTimeoutMs = 3_000;
    const node = new RedisBackplane({ url: server.url, publishTimeoutMs });
    const outcome = async (data: string): Promise<string> => {
      const calledAt = performance.now();
      try {
        await node.publish('orders', event(data), settings);
        return 'stored';
      } catch (error) {
        if (/not sent/.test((error as Error).message)) return 'not sent';
        // A busy machine may be late with the answer. Nobody else may give up before the time is over.
        return performance.now() - calledAt >= publishTimeoutMs ? 'not answered in time' : 'given up too early';
      }
    };
    try {
      await outcome('first');
      await server.kill();
      // Whatever becomes of this one: afterwards it is known that there is no connection.
      await outcome('probe');
      let isBack = false;
      const early = outcome('early');
      const back = early.then(() => server.run()).finally(() => (isBack = true));
      const late: Promise<string>[] = [];
      while (!isBack) {
        late.push(outcome(`late ${late.length}`));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(await early).toBe('not sent');
      await back;
      const outcomes = await Promise.all(late);
      expect(outcomes).not.toContain('given up too early');
      // The time of the first was over, and not that of the last.
      expect(outcomes.at(-1)).toBe('stored');
      const { entries } = await node.read('orders', undefined, 1_000);
      const stored = outcomes.flatMap((one, i) => (one === 'stored' ? [`late ${i}`] : []));
      const kept = entries.map((entry) => entry.event.data).filter((data) => stored.includes(data ?? ''));
      expect(kept).toEqual(stored);
    } finally {
      await node.close();
      await server.stop();
    }
  });
});
