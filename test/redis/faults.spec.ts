import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { SsePublishSettings } from '../../lib/backplane/backplane.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import type { SseRedisOptions } from '../../lib/redis/redis-backplane-options.js';
import { DeliveryLedger, GAP, report, type Received, type Verdict } from '../support/delivery-ledger.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const settings: SsePublishSettings = { history: { maxEvents: 100_000, maxBytes: 100_000_000, maxAgeMs: 300_000 } };
const fast: Partial<SseRedisOptions> = { publishTimeoutMs: 600, checkIntervalMs: 200 };
const channel = 'orders';

/** A node: a backplane behind a link of its own, and what its listener was told. */
interface Node {
  readonly link: TcpProxy;
  readonly backplane: RedisBackplane;
  readonly received: Received[];
}

/** Instead of `describeWith`, for what only root may do. */
function skipped(_: unknown, subject: string, specs: () => void): void {
  process.stderr.write(`skipped: "${subject}" needs root\n`);
  describe.skip(subject, specs);
}

describeWith('redis-server', 'three nodes and two publishers, when', (path) => {
  let server: RedisServer;
  let ledger: DeliveryLedger;
  const nodes: Node[] = [];
  const cleanups: (() => unknown)[] = [];

  async function begin(options: { aof?: boolean } = {}): Promise<void> {
    server = await RedisServer.start(path, options);
    cleanups.push(() => server.stop());
    await join([undefined, undefined, undefined]);
  }

  async function join(urls: readonly (string | undefined)[]): Promise<void> {
    ledger = new DeliveryLedger();
    for (const url of urls) nodes.push(await node(url));
    await Promise.all(nodes.map(({ received }) => until(() => received.includes('ready'), 'ready()')));
    for (const { received } of nodes) received.length = 0;
  }

  async function node(url?: string): Promise<Node> {
    const link = await TcpProxy.to(url === undefined ? server.port : 0);
    const backplane = new RedisBackplane({ url: url ?? link.url, ...fast });
    const received: Received[] = [];
    backplane.subscribe(channel, {
      ready: () => received.push('ready'),
      entry: ({ event }) => received.push(event.data ?? ''),
      gap: () => received.push(GAP),
    });
    return { link, backplane, received };
  }

  afterEach(async () => {
    await Promise.all(nodes.map(({ backplane }) => backplane.close()));
    await Promise.all(nodes.splice(0).map(({ link }) => link.close()));
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** Publishes until told to stop; a publish that failed is tried again with its key, until it is acknowledged. */
  function publisher(name: string, by: Node, isRetried: boolean): () => Promise<void> {
    let isOver = false;
    const work = (async () => {
      for (let i = 0; !isOver; i++) {
        await publish(by, `${name}${i}`, isRetried);
        if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    return async () => {
      isOver = true;
      await work;
    };
  }

  async function publish({ backplane }: Node, name: string, isRetried = true): Promise<void> {
    for (;;) {
      try {
        const position = await backplane.publish(channel, { kind: 'event', data: name }, { ...settings, key: name });
        return ledger.acknowledge(name, position);
      } catch (error) {
        expect(error).toMatchObject({ code: 'SSE_BACKPLANE_UNAVAILABLE' });
        if (!isRetried) {
          ledger.unknown++;
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async function healthIs(isUp: boolean, { backplane }: Node): Promise<void> {
    let health: { isUp: boolean } | undefined;
    const asked = (async () => {
      while (health?.isUp !== isUp) health = await backplane.health();
    })();
    await until(() => health?.isUp === isUp, `health says ${isUp ? 'up' : 'degraded'}`);
    await asked;
  }

  const publishedMore = async (count: number) => {
    const target = ledger.published + count;
    await until(() => ledger.published >= target, `${count} more publishes`);
  };

  /** Runs two publishers while `disturb` does its worst, and judges when everyone has got the last event. */
  async function scenario(name: string, disturb: () => Promise<void>, isRetried = true): Promise<Verdict> {
    const stops = [publisher('a', nodes[0]!, isRetried), publisher('b', nodes[1]!, isRetried)];
    await publishedMore(300);
    await disturb();
    await publishedMore(300);
    await Promise.all(stops.map((stop) => stop()));
    await publish(nodes[0]!, 'last');
    await Promise.all(nodes.map(({ received }) => until(() => received.includes('last'), 'the last event')));
    const verdict = ledger.judge(nodes.map(({ received }) => received));
    report(name, verdict);
    expect(verdict).toMatchObject({ repeated: 0, outOfOrder: 0, missingWithoutGap: 0 });
    return verdict;
  }

  it('nothing happens, all see one order', async () => {
    await begin();
    const verdict = await scenario('nothing', () => publishedMore(1_000));
    expect(verdict).toMatchObject({ gaps: 0, delivered: verdict.published * 3 });
    const [a, b, c] = nodes.map(({ received }) => received);
    expect(b).toEqual(a);
    expect(c).toEqual(a);
  });

  it('Redis restarts with its data, nothing is lost', async () => {
    await begin({ aof: true });
    const verdict = await scenario('restart with AOF', async () => {
      await server.kill();
      await server.run();
    });
    expect(verdict).toMatchObject({ gaps: 0, delivered: verdict.published * 3 });
  });

  it('Redis restarts without its data, every node is told', async () => {
    await begin();
    const verdict = await scenario('restart without data', async () => {
      await server.kill();
      await server.run();
    });
    expect(verdict.gaps).toBeGreaterThanOrEqual(3);
  });

  it('Redis restarts with older data, every node is told, and who was away as well', async () => {
    await begin();
    let old = '';
    const disturb = async () => {
      old = await nodes[2]!.backplane.publish(channel, { kind: 'event', data: 'old' }, settings);
      ledger.acknowledge('old', old);
      await publishedMore(100);
      await server.command('SAVE');
      await publishedMore(200);
      await server.kill();
      await server.run();
    };
    // Not tried again: what one node was told, and was lost before its publisher knew, would be told a second time.
    const verdict = await scenario('restart with older data', disturb, false);
    expect(verdict.gaps).toBeGreaterThanOrEqual(3);
    for (const { backplane } of nodes) {
      let page = await backplane.read(channel, old, 1_000);
      while (page.entries.length > 0) page = await backplane.read(channel, page.entries.at(-1)!.position, 1_000);
      expect(page.gap).toBeDefined();
    }
  });

  it.each([['FLUSHALL'], ['DEL', `sse:{${channel}}`]])(
    'the data goes with %s, every node is told',
    async (...command) => {
      await begin();
      const verdict = await scenario(command[0], async () => {
        await server.command(...command);
      });
      expect(verdict.gaps).toBeGreaterThanOrEqual(3);
    },
  );

  it('Redis stops answering for a while, nothing is lost', async () => {
    await begin();
    const verdict = await scenario('SIGSTOP of Redis', async () => {
      server.pause();
      // Longer than publishTimeoutMs: connections are given up and made anew.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      server.resume();
    });
    expect(verdict).toMatchObject({ gaps: 0, delivered: verdict.published * 3 });
  });

  it('the link of a node is cut, it catches up', async () => {
    await begin();
    const verdict = await scenario('link cut', async () => {
      nodes[2]!.link.cut();
      await publishedMore(500);
      nodes[2]!.link.heal();
    });
    expect(verdict).toMatchObject({ gaps: 0, delivered: verdict.published * 3 });
  });

  it('the link of a node is half-open, it notices by itself and catches up', async () => {
    await begin();
    const verdict = await scenario('link half-open', async () => {
      const { link, backplane } = nodes[2]!;
      link.stall();
      await publishedMore(500);
      expect(await backplane.health()).toMatchObject({ isUp: false, details: { status: 'degraded' } });
      const before = link.accepted;
      // Both connections are given up and tried anew; none of the old ones is needed.
      await until(() => link.accepted >= before + 1, 'a new connection');
      link.heal();
    });
    expect(verdict).toMatchObject({ gaps: 0, delivered: verdict.published * 3 });
  });

  it('the link of a publisher is cut again and again, each of its events is stored once', async () => {
    await begin();
    const verdict = await scenario('publisher link reset 20 times', async () => {
      for (let i = 0; i < 20; i++) {
        nodes[0]!.link.reset();
        await publishedMore(20);
      }
    });
    expect(verdict).toMatchObject({ gaps: 0, delivered: verdict.published * 3 });
  });

  it('a replica that lags takes over, every node is told and no one gets anything twice', async () => {
    await begin();
    const feed = await TcpProxy.to(server.port);
    const replica = await RedisServer.start(path, { replicaOf: feed.port });
    cleanups.push(
      () => feed.close(),
      () => replica.stop(),
    );
    await replica.until(['INFO', 'replication'], 'master_link_status:up');
    const verdict = await scenario('failover to a lagging replica', async () => {
      await publishedMore(100);
      // Stalled, not stopped: a process that is stopped reads what its kernel has received when it wakes up.
      feed.stall();
      await publishedMore(300);
      await replica.command('REPLICAOF', 'NO', 'ONE');
      await server.kill();
      for (const { link } of nodes) link.retarget(replica.port);
    });
    expect(verdict.gaps).toBeGreaterThanOrEqual(3);
  });

  // A proxy ends connections or holds bytes back; here packets are lost, and the kernel sends them again and again.
  (process.getuid?.() === 0 ? describeWith : skipped)('ip', 'Redis is in a network namespace and', () => {
    const name = `sse${process.pid}`;
    const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' });
    /** A link to the namespace; this side has the address `<net>.1`, Redis has `<net>.2`. */
    const lay = (at: string, net: string) => {
      ip('link', 'add', `${name}${at}`, 'type', 'veth', 'peer', 'name', `${name}${at}p`, 'netns', name);
      ip('addr', 'add', `${net}.1/30`, 'dev', `${name}${at}`);
      ip('link', 'set', `${name}${at}`, 'up');
      ip('-n', name, 'addr', 'add', `${net}.2/30`, 'dev', `${name}${at}p`);
      ip('-n', name, 'link', 'set', `${name}${at}p`, 'up');
    };

    it('answers one node no more, it notices by itself and catches up', async () => {
      cleanups.push(() => ip('netns', 'del', name));
      ip('netns', 'add', name);
      lay('a', '10.213.78');
      lay('b', '10.213.79');
      const [good, bad] = ['redis://10.213.78.2:6379', 'redis://10.213.79.2:6379'];
      const child = spawn(
        'ip',
        ['netns', 'exec', name, path, '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', ''],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const exited = once(child, 'exit');
      cleanups.push(() => {
        child.kill('SIGKILL');
        return exited;
      });
      await once(child.stdout, 'data');
      await join([good, good, bad]);
      const verdict = await scenario('link half-open in a network namespace', async () => {
        ip('-n', name, 'route', 'add', 'blackhole', '10.213.79.1/32');
        await publishedMore(500);
        await healthIs(false, nodes[2]!);
        ip('-n', name, 'route', 'del', 'blackhole', '10.213.79.1/32');
      });
      expect(verdict).toMatchObject({ gaps: 0, delivered: verdict.published * 3 });
      await healthIs(true, nodes[2]!);
    });
  });

  it('Redis is away, a publish has an outcome, and no queue grows', async () => {
    await begin();
    await server.kill();
    const { backplane } = nodes[0]!;
    const flood = Array.from({ length: 12_000 }, (_, i) =>
      backplane.publish(channel, { kind: 'event', data: `${i}` }, settings).then(
        () => 'stored',
        (error: { code: string; message: string }) => `${error.code} ${/maxPending/.test(error.message) ? 'full' : ''}`,
      ),
    );
    const outcomes = await Promise.all(flood);
    expect(outcomes.filter((outcome) => outcome === 'stored')).toEqual([]);
    expect(outcomes.filter((outcome) => outcome.endsWith('full')).length).toBeGreaterThanOrEqual(1_900);
    expect(await backplane.health()).toMatchObject({ isUp: false });
    await server.run();
    // What was given up is not sent behind the publisher's back.
    await publish(nodes[0]!, 'first after');
    await until(() => nodes[0]!.received.includes('first after'), 'the first event after');
    expect(nodes[0]!.received.filter((one) => one !== GAP)).toEqual(['first after']);
    await until(() => nodes.every(({ received }) => received.includes('first after')), 'all are back');
    await healthIs(true, nodes[0]!);
    expect(await backplane.health()).toMatchObject({ isUp: true, details: { status: 'up' } });
  });
});
