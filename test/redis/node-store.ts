import { RedisCluster } from '../support/redis-cluster.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import type { NodeTarget } from './nodes.js';

/** A node's own way to Redis, over which it has all its connections. */
export interface NodeLink {
  readonly target: NodeTarget;
  /** Connections accepted since the start. */
  readonly accepted: number;
  cut(): void;
  stall(): void;
  heal(): void;
  close(): Promise<unknown>;
}

/** A Redis, of one process or of several, and the harm that is done to it. */
export interface NodeStore {
  link(): Promise<NodeLink>;
  command(...args: readonly string[]): Promise<string>;
  kill(): Promise<unknown>;
  /** Starts again what was killed. */
  run(): Promise<unknown>;
  pause(): void;
  resume(): void;
  stop(): Promise<unknown>;
}

export async function serverStore(path: string, options: { readonly aof: boolean }): Promise<NodeStore> {
  const server = await RedisServer.start(path, options);
  const link = async (): Promise<NodeLink> => {
    const proxy = await TcpProxy.to(server.port);
    return linkOf([proxy], proxy.url);
  };
  return Object.assign(server, { link });
}

export async function clusterStore(path: string, options: { readonly aof: boolean }): Promise<NodeStore> {
  const cluster = await RedisCluster.start(path, options);
  const { shards } = cluster;
  return {
    async link() {
      const proxies = await Promise.all(shards.map(({ port }) => TcpProxy.to(port)));
      return linkOf(proxies, {
        rootNodes: proxies.map(({ url }) => ({ url })),
        nodeAddressMap: Object.fromEntries(
          shards.map(({ port }, i) => [`127.0.0.1:${port}`, { host: '127.0.0.1', port: proxies[i]!.port }]),
        ),
      });
    },
    command: (...args) => cluster.command(...args),
    kill: () => Promise.all(shards.map((shard) => shard.kill())),
    async run() {
      await Promise.all(shards.map((shard) => shard.run()));
      await Promise.all(shards.map((shard) => shard.until(['CLUSTER', 'INFO'], 'cluster_state:ok')));
    },
    pause: () => shards.forEach((shard) => shard.pause()),
    resume: () => shards.forEach((shard) => shard.resume()),
    stop: () => cluster.stop(),
  };
}

function linkOf(proxies: readonly TcpProxy[], target: NodeTarget): NodeLink {
  return {
    target,
    get accepted() {
      return proxies.reduce((sum, { accepted }) => sum + accepted, 0);
    },
    cut: () => proxies.forEach((proxy) => proxy.cut()),
    stall: () => proxies.forEach((proxy) => proxy.stall()),
    heal: () => proxies.forEach((proxy) => proxy.heal()),
    close: () => Promise.all(proxies.map((proxy) => proxy.close())),
  };
}
