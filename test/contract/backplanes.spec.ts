import { createCluster } from 'redis';
import type { SseBackplane } from '../../lib/backplane/backplane.js';
import { MemoryBackplane } from '../../lib/backplane/memory-backplane.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { backplaneContract } from '../../lib/testing/backplane-contract.js';
import { describeWith } from '../support/external.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { RedisServer } from '../support/redis-server.js';

function contract(open: () => SseBackplane, isShared: boolean): void {
  for (const { name, run } of backplaneContract({ open, isShared })) it(name, run);
}

describe('the backplane in memory', () => contract(() => new MemoryBackplane(), false));

describeWith('redis-server', 'the backplane on Redis', (path) => {
  describe('one server', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await RedisServer.start(path);
    });
    afterAll(() => server.stop());
    contract(() => new RedisBackplane({ url: server.url }), true);
  });

  describe('a cluster of three shards', () => {
    let cluster: RedisCluster;
    beforeAll(async () => {
      cluster = await RedisCluster.start(path);
    });
    afterAll(() => cluster.stop());
    contract(() => new RedisBackplane({ client: createCluster({ rootNodes: cluster.rootNodes }) }), true);
  });
});
