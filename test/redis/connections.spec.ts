import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { createClient, createCluster } from 'redis';
import type { SsePublishSettings } from '../../lib/backplane/backplane.js';
import { deadline } from '../../lib/following/deadline.js';
import { destroyClient } from '../../lib/redis/destroy-client.js';
import { hashSlot } from '../../lib/redis/hash-slot.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { BackplaneLog } from '../support/backplane-log.js';
import { describeWith } from '../support/external.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const settings: SsePublishSettings = { history: { maxEvents: 1_000, maxBytes: 1_000_000, maxAgeMs: 300_000 } };

describe('a deadline', () => {
  // After a stop of ten seconds every timer is due, and is served before the sockets: answers that lay in the kernel all
  // the while counted as missing, and good connections were given up, with the signals that were to come over them.
  it('lets what has arrived during a stall be read first', async () => {
    const order: string[] = [];
    const server = createServer((socket) => socket.end('answer')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(client, 'connect');
    // Both are in one process: what the server sends is in the kernel when its turn has ended.
    await new Promise((resolve) => setImmediate(resolve));
    client.on('data', () => order.push('answer'));
    await new Promise<void>((resolve) => {
      deadline(1, () => {
        order.push('late');
        resolve();
      });
      const end = performance.now() + 50;
      while (performance.now() < end);
    });
    client.destroy();
    server.close();
    expect(order).toEqual(['answer', 'late']);
  });
});

describeWith('redis-server', 'the connections of a Redis backplane', (path) => {
  let server: RedisServer;
  let link: TcpProxy;
  beforeEach(async () => {
    server = await RedisServer.start(path);
    link = await TcpProxy.to(server.port);
  });
  afterEach(async () => {
    await link.close();
    await server.stop();
  });

  // node-redis forgets the socket of a client that is destroyed while it connects: it stayed open, kept a connection of
  // Redis, and kept the process from ending.
  it('are closed also when they were just being made', async () => {
    const client = createClient({ url: link.url });
    client.on('error', () => undefined);
    const connected = client.connect().catch(() => undefined);
    destroyClient(client as never);
    await connected;
    await until(() => link.accepted === 1 && link.open === 0, 'it was made, and is closed');
  });

  it('are all gone after close(), whenever that is', async () => {
    for (let turns = 0; turns < 40; turns++) {
      const backplane = new RedisBackplane({ client: createClient({ url: link.url }) });
      backplane.subscribe('orders', new BackplaneLog());
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      await backplane.close();
    }
    expect(link.accepted).toBeGreaterThan(10);
    await until(() => link.open === 0, 'every connection is closed');
  });
});

describeWith('redis-server', 'the connections of a cluster', (path) => {
  it('are closed also when they were just being made', async () => {
    const cluster = await RedisCluster.start(path);
    const links = await Promise.all(cluster.shards.map(({ port }) => TcpProxy.to(port)));
    const nodeAddressMap = Object.fromEntries(
      cluster.shards.map(({ port }, i) => [`127.0.0.1:${port}`, { host: '127.0.0.1', port: links[i]!.port }]),
    );
    const client = createCluster({ rootNodes: cluster.rootNodes, nodeAddressMap, minimizeConnections: true });
    client.on('error', () => undefined);
    await client.connect();
    const connecting = client.masters.map(async (master) => client.nodeClient(master));
    destroyClient(client as never);
    await Promise.allSettled(connecting);
    for (const link of links) {
      await until(() => link.accepted === 1 && link.open === 0, 'it was made, and is closed');
      await link.close();
    }
    await cluster.stop();
  });
});

describeWith('redis-server', 'a link to one of three shards that is half-open for ever', (path) => {
  it('does not keep the others away, whether it broke before the start or after', async () => {
    const cluster = await RedisCluster.start(path);
    const links = await Promise.all(cluster.shards.map(({ port }) => TcpProxy.to(port)));
    const nodeAddressMap = Object.fromEntries(
      cluster.shards.map(({ port }, i) => [`127.0.0.1:${port}`, { host: '127.0.0.1', port: links[i]!.port }]),
    );
    const names = Array.from({ length: 30 }, (_, i) => `room ${i}`);
    const owner = async (name: string) => cluster.ownerOf(hashSlot(`sse:{${name}}`));
    const owners = new Map(await Promise.all(names.map(async (name) => [name, await owner(name)] as const)));
    const on = (shard: number) => names.find((name) => owners.get(name) === shard)!;
    const open = () =>
      new RedisBackplane({
        client: createCluster({ rootNodes: cluster.rootNodes, nodeAddressMap }),
        publishTimeoutMs: 400,
        checkIntervalMs: 100,
      });
    const insist = async (backplane: RedisBackplane, channel: string) => {
      let isStored = false;
      const work = (async () => {
        while (!isStored) {
          isStored = await Promise.resolve(backplane.publish(channel, { kind: 'event', data: 'x' }, settings)).then(
            () => true,
            () => false,
          );
        }
      })();
      await until(() => isStored, `a publish to ${channel}`);
      await work;
    };
    const before = open();
    for (const shard of [0, 1, 2]) await insist(before, on(shard));
    links[0]!.stall();
    const after = open();
    for (const backplane of [before, after]) {
      await expect(backplane.publish(on(0), { kind: 'event', data: 'x' }, settings)).rejects.toMatchObject({
        code: 'SSE_BACKPLANE_UNAVAILABLE',
      });
      for (const shard of [1, 2]) await insist(backplane, on(shard));
    }
    links[0]!.heal();
    for (const backplane of [before, after]) await insist(backplane, on(0));
    await Promise.all([before.close(), after.close()]);
    await Promise.all(links.map((link) => until(() => link.open === 0, 'every connection is closed')));
    await Promise.all(links.map((link) => link.close()));
    await cluster.stop();
  });
});
