import { createClient, createCluster } from 'redis';
import type { SseBackplaneEvent, SsePublishSettings } from '../../lib/backplane/backplane.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import type { SseRedisOptions } from '../../lib/redis/redis-backplane-options.js';
import { comparePositions } from '../../lib/redis/stream-position.js';
import { BackplaneLog } from '../support/backplane-log.js';
import { describeWith } from '../support/external.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

const history = { maxEvents: 1_000, maxBytes: 16_777_216, maxAgeMs: 300_000 };
const settings: SsePublishSettings = { history };
const event = (data: string): SseBackplaneEvent => ({ kind: 'event', data });

describeWith('redis-server', 'the Redis backplane', (path) => {
  describe('on one server', () => specs(() => RedisServer.start(path)));
  describe('on a cluster of three shards', () => specs(() => RedisCluster.start(path)));
});

function specs(start: () => Promise<RedisServer | RedisCluster>): void {
  let server: RedisServer | RedisCluster;
  const open: RedisBackplane[] = [];
  let channels = 0;
  /** A channel that no other spec has. */
  const fresh = () => `orders ${++channels}`;
  const stream = (channel: string) => `sse:{${channel}}`;

  /** What a backplane is told to connect to. */
  function target(): Partial<SseRedisOptions> {
    return server instanceof RedisServer
      ? { url: server.url }
      : { client: createCluster({ rootNodes: server.rootNodes }) };
  }

  async function connectedClients(): Promise<number> {
    const counts = (await server.command('INFO', 'clients')).matchAll(/connected_clients:(\d+)/g);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  function backplane(options: Partial<SseRedisOptions> = {}): RedisBackplane {
    const made = new RedisBackplane({ ...target(), publishTimeoutMs: 10_000, checkIntervalMs: 300, ...options });
    open.push(made);
    return made;
  }

  async function listen(to: RedisBackplane, channel: string): Promise<BackplaneLog> {
    const log = new BackplaneLog();
    to.subscribe(channel, log);
    await log.isReady();
    return log;
  }

  beforeAll(async () => {
    server = await start();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  });
  afterAll(() => server.stop());

  it('goes on behind what it has lost, also within a millisecond: nothing new has an older position', async () => {
    const node = backplane();
    const other =
      server instanceof RedisServer
        ? createClient({ url: server.url })
        : createCluster({ rootNodes: server.rootNodes });
    await other.connect();
    const channel = fresh();
    for (let n = 0; n < 100; n++) {
      await node.publish(channel, event('older'), settings);
      // A life that has just begun is a millisecond ahead of the clock.
      await new Promise((resolve) => setTimeout(resolve, 4));
      const lost = await node.publish(channel, event('lost'), settings);
      await other.del(stream(channel));
      const next = await node.publish(channel, event('next'), settings);
      expect([lost, next].sort(comparePositions)).toEqual([lost, next]);
    }
    other.destroy();
  });

  it('tells every node the same entries, in the order of the calls, with all that an event has', async () => {
    const [a, b] = [backplane(), backplane()];
    const channel = fresh();
    const [atA, atB] = [await listen(a, channel), await listen(b, channel)];
    const full: SseBackplaneEvent = {
      kind: 'event',
      type: 'übung',
      data: '{"a":"x\ny \u2028🙂"}',
      retry: 5,
      comment: 'c',
    };
    const positions = await Promise.all([
      a.publish(channel, event('1'), settings),
      a.publish(channel, event(''), settings),
      a.publish(channel, { kind: 'event', type: 'only' }, settings),
      a.publish(channel, full, settings),
    ]);
    const last = await b.publish(channel, event('last'), settings);
    await Promise.all([atA.has('last'), atB.has('last')]);
    expect(atA.entries.map(({ position }) => position)).toEqual([...positions, last]);
    expect(atA.entries).toEqual(atB.entries);
    expect(atA.entries.map((entry) => entry.previous)).toEqual([atA.start?.head, ...positions]);
    expect(atA.data).toEqual(['1', '', undefined, full.data, 'last']);
    expect(atA.entries[3]?.event).toEqual(full);
    expect(atA.gaps).toEqual([]);
  });

  it('gives a channel without events a position, and reads on from there', async () => {
    const node = backplane();
    const channel = fresh();
    const { start } = await listen(node, channel);
    const position = await node.publish(channel, event('1'), settings);
    expect((await node.read(channel, start?.head, 10)).entries).toMatchObject([{ position, previous: start?.head }]);
  });

  it('reads in pages, from any position, and from the oldest', async () => {
    const node = backplane();
    const channel = fresh();
    const positions: string[] = [];
    for (let i = 0; i < 10; i++) positions.push(await node.publish(channel, event(`${i}`), settings));
    const data = async (after: string | undefined, limit: number) =>
      (await node.read(channel, after, limit)).entries.map((entry) => entry.event.data);
    expect(await data(undefined, 3)).toEqual(['0', '1', '2']);
    expect(await data(positions[2], 3)).toEqual(['3', '4', '5']);
    expect(await data(positions[7], 3)).toEqual(['8', '9']);
    expect(await node.read(channel, positions[9], 3)).toEqual({ entries: [] });
  });

  it.each([
    '$',
    '-',
    '+',
    '>',
    '*',
    '0',
    '0-0',
    '(1-1',
    '1-*',
    '1',
    '1-',
    '-1',
    '1-1 ',
    '01-1',
    '18446744073709551616-0',
    '1-18446744073709551616',
    '9999999999999999-1',
    '1-1\r\nFLUSHALL',
    'ff-0',
    '',
  ])('calls %j malformed and sends nothing', async (position) => {
    const node = backplane();
    const before = await server.command('INFO', 'commandstats');
    expect(await node.read('orders', position, 10)).toEqual({ entries: [], gap: 'malformed' });
    const commands = (text: string) => (/cmdstat_xrange:calls=(\d+)/.exec(text) ?? [])[1];
    expect(commands(await server.command('INFO', 'commandstats'))).toBe(commands(before));
  });

  it('answers a position that was trimmed, is foreign or in the future with a gap', async () => {
    const node = backplane();
    const channel = fresh();
    const small: SsePublishSettings = { history: { ...history, maxEvents: 2 } };
    const first = await node.publish(channel, event('1'), small);
    const second = await node.publish(channel, event('2'), small);
    for (const data of ['3', '4']) await node.publish(channel, event(data), small);
    expect(await node.read(channel, first, 10)).toEqual({ entries: [], gap: 'trimmed' });
    // Its own entry is gone, but nothing behind it is.
    expect((await node.read(channel, second, 10)).entries.map((entry) => entry.event.data)).toEqual(['3', '4']);
    expect(await node.read(channel, '1-1', 10)).toEqual({ entries: [], gap: 'foreign' });
    expect(await node.read(channel, '99999999999999-0', 10)).toEqual({ entries: [], gap: 'future' });
    expect(await node.read('never used', second, 10)).toEqual({ entries: [], gap: 'foreign' });
  });

  it('keeps a channel within its bounds of events, bytes and age', async () => {
    const node = backplane();
    const kept = async (limits: Partial<typeof history>, size: number) => {
      const channel = fresh();
      for (let i = 0; i < 50; i++) {
        await node.publish(channel, event(`${i}`.padEnd(size, '.')), { history: { ...history, ...limits } });
      }
      return (await node.read(channel, undefined, 100)).entries.map((entry) => Number.parseInt(entry.event.data ?? ''));
    };
    expect(await kept({ maxEvents: 3 }, 2)).toEqual([47, 48, 49]);
    expect(await kept({ maxEvents: 0 }, 2)).toEqual([]);
    expect(await kept({ maxBytes: 2_000 }, 98)).toEqual([40, 41, 42, 43, 44, 45, 46, 47, 48, 49]);
    // Small events count what they cost: nine, and not two hundred.
    expect(await kept({ maxBytes: 1_000 }, 2)).toEqual([41, 42, 43, 44, 45, 46, 47, 48, 49]);
    expect(await kept({ maxBytes: 10 }, 98)).toEqual([]);
    expect(await kept({ maxBytes: 0 }, 1)).toEqual([]);
    expect(await kept({ maxAgeMs: 0 }, 1)).toEqual([]);
    const channel = fresh();
    const old: SsePublishSettings = { history: { ...history, maxAgeMs: 1 } };
    await node.publish(channel, event('old'), old);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await node.read(channel, undefined, 10)).entries).toEqual([]);
  });

  it('delivers live what keeps nothing, and resumes at its head', async () => {
    const node = backplane();
    const channel = fresh();
    const log = await listen(node, channel);
    const none: SsePublishSettings = { history: { ...history, maxEvents: 0 } };
    const first = await node.publish(channel, event('1'), none);
    const second = await node.publish(channel, event('2'), none);
    await log.has('2');
    expect(await node.read(channel, second, 10)).toEqual({ entries: [] });
    expect(await node.read(channel, first, 10)).toEqual({ entries: [], gap: 'trimmed' });
    expect(log.gaps).toEqual([]);
  });

  it('stores an event with a key once, also when both are on their way at once', async () => {
    const [a, b] = [backplane(), backplane()];
    const channel = fresh();
    const log = await listen(a, channel);
    const keyed = { ...settings, key: 'payment 7}' };
    const [first, second] = await Promise.all([
      a.publish(channel, event('paid'), keyed),
      b.publish(channel, event('paid'), keyed),
    ]);
    expect(await a.publish(channel, event('paid'), keyed)).toBe(first);
    expect(second).toBe(first);
    await a.publish(channel, event('marker'), settings);
    await log.has('marker');
    expect(log.data).toEqual(['paid', 'marker']);
  });

  it('ends a life and begins the next: old positions are gone, listeners go on without a gap', async () => {
    const node = backplane();
    const channel = fresh();
    const log = await listen(node, channel);
    const old = await node.publish(channel, event('old'), settings);
    await node.publish(channel, { kind: 'end' }, settings);
    expect((await listen(backplane(), channel)).start?.isEnded).toBe(true);
    await node.publish(channel, event('new'), settings);
    await log.has('new');
    expect(log.gaps).toEqual([]);
    const [entry] = (await node.read(channel, undefined, 10)).entries;
    expect(entry?.event.data).toBe('new');
    expect(await node.read(channel, old, 10)).toEqual({ entries: [], gap: 'foreign' });
    expect((await node.read(channel, entry?.previous, 10)).entries).toHaveLength(1);
    await node.publish(channel, { kind: 'start' }, settings);
    expect((await node.read(channel, undefined, 10)).entries.map(({ event: { kind } }) => kind)).toEqual(['start']);
  });

  it('keeps channels apart whose names differ in braces, signs and case only', async () => {
    const node = backplane();
    const names = ['a', 'A', '{a}', '}a{', '%7Ba%7D', 'a}', ' a', 'ä', '*', 'a\n'].map(
      (name) => `${name}#${++channels}`,
    );
    for (const name of names) await node.publish(name, event(name), settings);
    for (const name of names) {
      expect((await node.read(name, undefined, 10)).entries.map((entry) => entry.event.data)).toEqual([name]);
    }
    await expect(async () => node.publish('\ud800', event('x'), settings)).rejects.toMatchObject({
      code: 'SSE_INVALID_CHANNEL',
    });
  });

  it('keeps the order of a burst of publishes while Redis forgets the script', async () => {
    const node = backplane();
    const channel = fresh();
    const log = await listen(node, channel);
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < 2_000; i++) {
      if (i % 500 === 0) work.push(server.command('SCRIPT', 'FLUSH'));
      work.push(node.publish(channel, event(`${i}`), settings));
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(work);
    await log.has('1999');
    expect(log.data).toEqual(Array.from({ length: 2_000 }, (_, i) => `${i}`));
  });

  it('tells of an entry that is no event with a gap, and goes on', async () => {
    const node = backplane();
    const channel = fresh();
    const log = await listen(node, channel);
    const before = await node.publish(channel, event('1'), settings);
    await server.command('XADD', stream(channel), '*', 'some', 'thing');
    await server.command('XADD', stream(channel), '*', 'm', '1-0 - 1-0 5 0', 'e', 'E{"type":7}\nx');
    const after = await node.publish(channel, event('2'), settings);
    await log.has('2');
    expect(log.data).toEqual(['1', '2']);
    expect(log.gaps.map(({ reason, after: at }) => [reason, at])).toEqual([
      ['store_lost', 1],
      ['store_lost', 1],
    ]);
    expect(await node.read(channel, before, 10)).toEqual({ entries: [], gap: 'store_lost' });
    const oldest = await node.read(channel, undefined, 10);
    expect(oldest.entries.map((entry) => entry.event.data)).toEqual(['1']);
    expect(await node.read(channel, after, 10)).toEqual({ entries: [] });
  });

  it('tells of an entry that was deleted in between with a gap', async () => {
    const node = backplane();
    const channel = fresh();
    const [one, two] = [
      await node.publish(channel, event('1'), settings),
      await node.publish(channel, event('2'), settings),
    ];
    await node.publish(channel, event('3'), settings);
    await server.command('XDEL', stream(channel), two);
    expect(await node.read(channel, one, 10)).toEqual({ entries: [], gap: 'trimmed' });
    expect((await node.read(channel, two, 10)).entries.map((entry) => entry.event.data)).toEqual(['3']);
  });

  it('notices an entry whose notification never came', async () => {
    const node = backplane();
    const channel = fresh();
    const log = await listen(node, channel);
    const head = await node.publish(channel, event('1'), settings);
    await log.has('1');
    // Stored, and not a word about it: the next check finds it.
    await server.command('XADD', stream(channel), '*', 'm', `${head} - ${log.start?.head} 4 300000`, 'e', 'E\nsilent');
    await log.has('silent');
    expect(log.gaps).toEqual([]);
  });

  it.each(['FLUSHALL', 'DEL'])('says that the store lost what it had, after %s, and goes on', async (command) => {
    const node = backplane();
    const channel = fresh();
    const log = await listen(node, channel);
    const old = await node.publish(channel, event('1'), settings);
    await log.has('1');
    await server.command(command, ...(command === 'DEL' ? [stream(channel)] : []));
    await node.publish(channel, event('2'), settings);
    await log.has('2');
    expect(log.data).toEqual(['1', '2']);
    expect(log.gaps).toMatchObject([{ reason: 'store_lost', after: 1 }]);
    expect(await node.read(channel, old, 10)).toEqual({ entries: [], gap: 'foreign' });
  });

  it('says so on a silent channel too', async () => {
    const log = await listen(backplane(), fresh());
    await server.command('FLUSHALL');
    await until(() => log.gaps.length > 0, 'the gap');
    expect(log.gaps).toMatchObject([{ reason: 'store_lost' }]);
  });

  it('carries signals to every node, once, also when it has only just begun to listen', async () => {
    const [a, b] = [backplane(), backplane()];
    const heard: string[] = [];
    a.onSignal((message) => heard.push(`a ${message}`));
    b.onSignal((message) => heard.push(`b ${message}`));
    const said = Array.from({ length: 50 }, (_, i) => `${i}`);
    for (const message of said) await a.signal(message);
    for (const node of ['a', 'b']) {
      await until(() => said.every((message) => heard.includes(`${node} ${message}`)), 'every signal');
    }
    await b.signal('marker');
    for (const node of ['a', 'b']) {
      await until(() => heard.includes(`${node} marker`), 'the marker');
      expect(heard.filter((one) => one.startsWith(node))).toHaveLength(51);
    }
  });

  // A node whose listening connection was just being made anew did not hear whom to disconnect, and never would.
  it('tells a node that could not hear what it missed, and how long ago that was', async () => {
    const [a, b] = [backplane(), backplane()];
    const heard: string[] = [];
    let age = 0;
    b.onSignal((message, ageMs) => {
      heard.push(message);
      age = ageMs;
    });
    await a.signal('first');
    await until(() => heard.includes('first'), 'the first signal');
    await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await a.signal('second');
    await a.signal('third');
    await until(() => heard.includes('second') && heard.includes('third'), 'the third signal');
    expect(heard).toHaveLength(3);
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(10_000);
    // Nobody's: it is neither told nor in the way.
    await server.command('SPUBLISH', 'sse:signals', 'garbage');
    await server.command('XADD', 'sse:signals', '*', 'what', 'ever', 'else', '');
    await a.signal('last');
    await until(() => heard.includes('last'), 'the last signal');
  });

  it('has one listening connection and one for commands to each shard, however many channels there are', async () => {
    const shards = server instanceof RedisServer ? 1 : 3;
    const before = await connectedClients();
    const node = backplane();
    const logs = await Promise.all(Array.from({ length: 500 }, () => listen(node, fresh())));
    expect(logs).toHaveLength(500);
    expect((await connectedClients()) - before).toBe(2 * shards);
  });

  it('uses a client of the application as a model and never closes it', async () => {
    const client =
      server instanceof RedisServer
        ? createClient({ url: server.url })
        : createCluster({ rootNodes: server.rootNodes });
    await client.connect();
    const node = backplane({ url: undefined, client });
    const channel = fresh();
    const log = await listen(node, channel);
    await node.publish(channel, event('1'), settings);
    await log.has('1');
    await node.close();
    expect(client.isOpen).toBe(true);
    expect(await client.exists('x')).toBe(0);
    client.destroy();
  });

  it('refuses everything once it is closed, and leaves no connection behind', async () => {
    const node = backplane();
    await listen(node, fresh());
    await node.close();
    await node.close();
    await expect(node.publish('x', event('1'), settings)).rejects.toMatchObject({ code: 'SSE_CLOSED' });
    await expect(node.read('x', undefined, 1)).rejects.toMatchObject({ code: 'SSE_CLOSED' });
    const shards = server instanceof RedisServer ? 1 : 3;
    let left = Infinity;
    const asked = (async () => {
      while (left > shards) left = await connectedClients();
    })();
    await until(() => left <= shards, 'only the one that asks is left');
    await asked;
  });

  it('lets one node produce, says the last words of one that died once, and refuses what it says afterwards', async () => {
    const [a, b, c] = [backplane({ producerTtlMs: 2_000 }), backplane({ producerTtlMs: 2_000 }), backplane()];
    const channel = fresh();
    const logs = [await listen(b, channel), await listen(c, channel)];
    const words: SseBackplaneEvent[] = [{ kind: 'event', type: 'error', data: 'died' }, { kind: 'end' }];
    let lost = 0;
    const lease = await a.produce(channel, words, settings, () => lost++);
    expect(lease).toBeDefined();
    expect(await b.produce(channel, words, settings, () => undefined)).toBeUndefined();
    await lease!.publish(event('1'), 0, settings);
    // Its renewals stop, as if the process were stopped.
    clearInterval((lease as unknown as { timer: NodeJS.Timeout }).timer);
    await Promise.all(logs.map((log) => until(() => log.entries.at(-1)?.event.kind === 'end', 'the end')));
    await expect(lease!.publish(event('2'), 1, settings)).rejects.toMatchObject({ code: 'SSE_BACKPLANE_UNAVAILABLE' });
    expect(lost).toBe(1);
    const marker = await b.publish(channel, event('next life'), settings);
    await Promise.all(logs.map((log) => log.has('next life')));
    for (const log of logs) expect(log.data).toEqual(['1', 'died', undefined, 'next life']);
    expect(marker).toBeDefined();
  });
}
