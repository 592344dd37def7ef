import { createCluster } from 'redis';
import type { SseBackplane } from '../../lib/backplane/backplane.js';
import { MemoryBackplane } from '../../lib/backplane/memory-backplane.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { backplaneContract } from '../../lib/backplane-testing/backplane-contract.js';
import type { SseBackplaneSubject } from '../../lib/backplane-testing/backplane-subject.js';
import { describeWith } from '../support/external.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';

function contract(subject: SseBackplaneSubject): void {
  for (const { ability, name, run } of backplaneContract(subject)) it(`${ability}: ${name}`, run);
}

/** What dead producers are noticed by: soon enough for a test, and later than a busy machine stands still. */
const fast = { producerTtlMs: 3_000, checkIntervalMs: 100, publishTimeoutMs: 10_000 };

describe('the backplane in memory', () => contract({ open: () => new MemoryBackplane(), isShared: false }));

describeWith('redis-server', 'the backplane on Redis', (path) => {
  describe('one server', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await RedisServer.start(path);
    });
    afterAll(() => server.stop());
    const links = new Map<SseBackplane, TcpProxy>();
    afterEach(async () => {
      await Promise.all([...links.values()].map((link) => link.close()));
      links.clear();
    });
    contract({
      open: async () => {
        const link = await TcpProxy.to(server.port);
        const node = new RedisBackplane({ url: link.url, ...fast });
        links.set(node, link);
        return node;
      },
      crash: (node) => links.get(node)?.cut(),
      isShared: true,
    });
  });

  describe('a cluster of three shards', () => {
    let cluster: RedisCluster;
    beforeAll(async () => {
      cluster = await RedisCluster.start(path);
    });
    afterAll(() => cluster.stop());
    contract({
      open: () => new RedisBackplane({ client: createCluster({ rootNodes: cluster.rootNodes }), ...fast }),
      isShared: true,
    });
  });
});
