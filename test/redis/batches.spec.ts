import type { SsePublishSettings } from '../../lib/backplane/backplane.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { BackplaneLog } from '../support/backplane-log.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';

const settings: SsePublishSettings = { history: { maxEvents: 1_000, maxBytes: 10_000_000, maxAgeMs: 300_000 } };
const event = (data: string) => ({ kind: 'event', data }) as const;

// Each was a call of its own, which costs Redis most of what a publish costs.
describeWith('redis-server', 'what is published in one turn', (path) => {
  let server: RedisServer;
  let node: RedisBackplane;
  let other: RedisBackplane;
  beforeEach(async () => {
    server = await RedisServer.start(path);
    [node, other] = [new RedisBackplane({ url: server.url }), new RedisBackplane({ url: server.url })];
  });
  afterEach(async () => {
    await Promise.all([node.close(), other.close()]);
    await server.stop();
  });
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);
  const kept = async (channel: string) => {
    const data: (string | undefined)[] = [];
    for (let after: string | undefined; ;) {
      const { entries } = await other.read(channel, after, 1_000);
      if (entries.length === 0) return data;
      data.push(...entries.map((entry) => entry.event.data));
      after = entries.at(-1)!.position;
    }
  };
  const calls = async () => {
    const text = await server.command('INFO', 'commandstats');
    return [...text.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  };

  it('is stored and told in its order, each with its position, in a few calls', async () => {
    const logs = await Promise.all(
      ['a', 'b'].map(async (channel) => {
        const log = new BackplaneLog();
        other.subscribe(channel, log);
        await log.isReady();
        return log;
      }),
    );
    await node.publish('a', event('first'), settings);
    const before = await calls();
    const positions = await Promise.all(
      numbers(1_000).map((n) => node.publish(Number(n) % 2 ? 'b' : 'a', event(n), settings)),
    );
    expect((await calls()) - before).toBeLessThanOrEqual(5);
    await Promise.all(logs.map((log, index) => log.has(`${998 + index}`)));
    expect(logs[0]!.data).toEqual(['first', ...numbers(1_000).filter((n) => Number(n) % 2 === 0)]);
    expect(logs[1]!.data).toEqual(numbers(1_000).filter((n) => Number(n) % 2 === 1));
    expect(logs.flatMap((log) => log.entries.slice(-500).map(({ position }) => position)).sort()).toEqual(
      positions.sort(),
    );
    expect(await kept('b')).toEqual(logs[1]!.data);
  });

  it('keeps the bounds of its history, and what each event asks for', async () => {
    const few = (maxEvents: number): SsePublishSettings => ({ history: { ...settings.history, maxEvents } });
    await Promise.all(numbers(20).map((n) => node.publish('few', event(n), few(3))));
    expect(await kept('few')).toEqual(['17', '18', '19']);
    await Promise.all(numbers(20).map((n) => node.publish('none', event(n), few(0))));
    expect(await kept('none')).toEqual([]);
    await Promise.all(
      numbers(100).map((n) =>
        node.publish('bytes', event(n.padEnd(898)), { history: { ...few(1_000).history, maxBytes: 10_000 } }),
      ),
    );
    expect((await kept('bytes')).map((data) => data?.trim())).toEqual(numbers(100).slice(90));
    await Promise.all([node.publish('mixed', event('1'), few(10)), node.publish('mixed', event('2'), few(1))]);
    expect(await kept('mixed')).toEqual(['2']);
  });

  it('begins and ends lives where it says so', async () => {
    const say = (kind: 'start' | 'end') => node.publish('lives', { kind }, settings);
    await Promise.all([
      node.publish('lives', event('1'), settings),
      say('end'),
      say('end'),
      node.publish('lives', event('2'), settings),
      say('start'),
      node.publish('lives', event('3'), settings),
    ]);
    expect(await kept('lives')).toEqual([undefined, '3']);
  });

  it('is stored once for each key, also when the key comes twice in it', async () => {
    const told: unknown[] = [];
    const keyed = { ...settings, key: 'k', onKnown: (known?: { data?: string }) => void told.push(known?.data) };
    const [first, between, second] = await Promise.all([
      node.publish('keys', event('1'), keyed),
      node.publish('keys', event('between'), settings),
      node.publish('keys', event('2'), keyed),
    ]);
    expect(second).toBe(first);
    expect(between).not.toBe(first);
    expect(told).toEqual(['1']);
    expect(await kept('keys')).toEqual(['1', 'between']);
  });

  it('fails for those alone that cannot be stored, and says that nothing was', async () => {
    await server.command('SET', 'sse:{taken}', 'by somebody else');
    const outcomes = await Promise.allSettled(
      ['a', 'taken', 'b', 'taken', 'a'].map((channel) => node.publish(channel, event(channel), settings)),
    );
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    for (const index of [1, 3]) {
      const { reason } = outcomes[index] as PromiseRejectedResult;
      expect(reason).toMatchObject({ code: 'SSE_BACKPLANE_UNAVAILABLE' });
      expect(String(reason)).toMatch(/WRONGTYPE.*nothing was stored/);
    }
    expect([await kept('a'), await kept('b')]).toEqual([['a', 'a'], ['b']]);
  });

  it('says of each whether it was stored when a right is missing or memory runs out', async () => {
    await server.command('ACL', 'SETUSER', 'half', 'on', '>secret', '~*', '&sse:{a}', '+@all');
    const half = new RedisBackplane({ url: server.url.replace('//', '//half:secret@') });
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'a'].map((channel) => half.publish(channel, event('x'), settings)),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(String((outcomes[1] as PromiseRejectedResult).reason)).toMatch(/It was stored/);
    expect([await kept('a'), await kept('b')]).toEqual([['x', 'x'], ['x']]);
    await half.close();

    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    const refused = await Promise.allSettled(numbers(3).map((n) => node.publish('full', event(n), settings)));
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    for (const one of refused) expect(String((one as PromiseRejectedResult).reason)).toMatch(/OOM.*nothing was stored/);
    expect(await kept('full')).toEqual([]);
  });

  it('keeps its order when Redis has forgotten the script', async () => {
    await node.publish('a', event('first'), settings);
    await server.command('SCRIPT', 'FLUSH');
    const published: Promise<unknown>[] = [];
    for (let turn = 0; turn < 5; turn++) {
      for (let n = 0; n < 300; n++)
        published.push(
          node.publish('a', event(`${turn * 300 + n}`), { history: { ...settings.history, maxEvents: 2_000 } }),
        );
      await new Promise(setImmediate);
    }
    await Promise.all(published);
    expect(await kept('a')).toEqual(['first', ...numbers(1_500)]);
  });

  it('is stored also when the backplane is closed in that turn', async () => {
    const published = numbers(10).map((n) => node.publish('a', event(n), settings));
    await node.close();
    await Promise.all(published);
    expect(await kept('a')).toEqual(numbers(10));
  });
});
