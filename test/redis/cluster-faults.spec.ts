import { createCluster } from 'redis';
import type { SsePublishSettings } from '../../lib/backplane/backplane.js';
import { hashSlot } from '../../lib/redis/hash-slot.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { DeliveryLedger, GAP, report, type Received, type Verdict } from '../support/delivery-ledger.js';
import { describeWith } from '../support/external.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const settings: SsePublishSettings = { history: { maxEvents: 100_000, maxBytes: 100_000_000, maxAgeMs: 300_000 } };
/** Enough that every shard has some. */
const channels = Array.from({ length: 12 }, (_, i) => `room ${i}`);

describeWith('redis-server', 'two nodes, twelve channels and a cluster of three shards, when', (path) => {
  let cluster: RedisCluster;
  /** A link to each shard for the second node; the first goes directly. */
  let links: TcpProxy[];
  let nodes: { readonly backplane: RedisBackplane; readonly received: Map<string, Received[]> }[];
  let ledgers: Map<string, DeliveryLedger>;

  beforeEach(async () => {
    cluster = await RedisCluster.start(path, { aof: true });
    links = await Promise.all(cluster.shards.map(({ port }) => TcpProxy.to(port)));
    ledgers = new Map(channels.map((channel) => [channel, new DeliveryLedger()]));
    const throughLinks = Object.fromEntries(
      cluster.shards.map(({ port }, i) => [`127.0.0.1:${port}`, { host: '127.0.0.1', port: links[i]!.port }]),
    );
    nodes = [undefined, throughLinks].map((nodeAddressMap) => {
      const client = createCluster({ rootNodes: cluster.rootNodes, nodeAddressMap });
      const backplane = new RedisBackplane({ client, publishTimeoutMs: 600, checkIntervalMs: 200 });
      const received = new Map<string, Received[]>();
      for (const channel of channels) {
        const list: Received[] = [];
        received.set(channel, list);
        backplane.subscribe(channel, {
          ready: () => list.push('ready'),
          entry: ({ event }) => list.push(event.data ?? ''),
          gap: () => list.push(GAP),
        });
      }
      return { backplane, received };
    });
    await until(() => everywhere('ready'), 'ready() everywhere');
    for (const { received } of nodes) for (const list of received.values()) list.length = 0;
  });

  afterEach(async () => {
    await Promise.all(nodes.map(({ backplane }) => backplane.close()));
    await Promise.all(links.map((link) => link.close()));
    await cluster.stop();
  });

  const everywhere = (name: string) =>
    nodes.every(({ received }) => [...received.values()].every((list) => list.includes(name)));

  const published = () => [...ledgers.values()].reduce((sum, ledger) => sum + ledger.published, 0);

  async function publish(backplane: RedisBackplane, channel: string, name: string): Promise<void> {
    for (;;) {
      try {
        const position = await backplane.publish(channel, { kind: 'event', data: name }, { ...settings, key: name });
        return ledgers.get(channel)!.acknowledge(name, position);
      } catch (error) {
        expect(error).toMatchObject({ code: 'SSE_BACKPLANE_UNAVAILABLE' });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /** Every channel has a publisher of its own, every other one on the second node. */
  async function scenario(name: string, disturb: () => Promise<void>): Promise<Verdict[]> {
    let isOver = false;
    const work = channels.map(async (channel, at) => {
      for (let i = 0; !isOver; i++) await publish(nodes[at % 2]!.backplane, channel, `${i}`);
    });
    const more = async (count: number) => {
      const target = published() + count;
      await until(() => published() >= target, `${count} more publishes`);
    };
    await more(300);
    await disturb();
    await more(300);
    isOver = true;
    await Promise.all(work);
    await Promise.all(channels.map((channel) => publish(nodes[0]!.backplane, channel, 'last')));
    await until(() => everywhere('last'), 'the last event everywhere');
    const verdicts = channels.map((channel) =>
      ledgers.get(channel)!.judge(nodes.map(({ received }) => received.get(channel)!)),
    );
    const sum = (count: (verdict: Verdict) => number) => verdicts.reduce((total, verdict) => total + count(verdict), 0);
    report(`cluster, ${name}`, {
      published: sum((verdict) => verdict.published),
      unknown: 0,
      delivered: sum((verdict) => verdict.delivered),
      repeated: sum((verdict) => verdict.repeated),
      outOfOrder: sum((verdict) => verdict.outOfOrder),
      missingWithoutGap: sum((verdict) => verdict.missingWithoutGap),
      gaps: sum((verdict) => verdict.gaps),
    });
    for (const verdict of verdicts) {
      expect(verdict).toMatchObject({ repeated: 0, outOfOrder: 0, missingWithoutGap: 0, gaps: 0 });
      expect(verdict.delivered).toBe(2 * verdict.published);
    }
    return verdicts;
  }

  it('a shard restarts with its data, nothing is lost', async () => {
    await scenario('a shard restarts', async () => {
      await cluster.shards[0]!.kill();
      await cluster.shards[0]!.run();
      await cluster.shards[0]!.until(['CLUSTER', 'INFO'], 'cluster_state:ok');
    });
  });

  it('a slot moves to another shard, its listeners move along', async () => {
    await scenario('a slot moves', async () => {
      const slot = hashSlot(`sse:{${channels[0]}}`);
      await cluster.move(slot, ((await cluster.ownerOf(slot)) + 1) % 3);
    });
  });

  it('the link of a node to one shard is half-open, it notices by itself and catches up', async () => {
    await scenario('a link half-open', async () => {
      const link = links[0]!;
      link.stall();
      const before = link.accepted;
      await until(() => link.accepted > before, 'a new connection');
      link.heal();
    });
  });
});
