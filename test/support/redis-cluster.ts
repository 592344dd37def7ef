import { RedisServer } from './redis-server.js';

/** Three masters that share the slots, as `redis-cli --cluster create` makes them. */
export class RedisCluster {
  private constructor(readonly shards: readonly RedisServer[]) {}

  static async start(path: string, options: { readonly aof?: boolean } = {}): Promise<RedisCluster> {
    const shards = await Promise.all([0, 1, 2].map(() => RedisServer.start(path, { ...options, cluster: true })));
    const [first] = shards;
    await Promise.all(
      shards.map((shard, i) => {
        const from = Math.floor((16_384 * i) / 3);
        const to = Math.floor((16_384 * (i + 1)) / 3) - 1;
        return shard.command('CLUSTER', 'ADDSLOTSRANGE', `${from}`, `${to}`);
      }),
    );
    for (const shard of shards.slice(1)) {
      // The bus port is not the data port plus 10,000, which may be taken or beyond the last port.
      const info = await shard.command('CLUSTER', 'NODES');
      const busPort = /@(\d+)/.exec(info)?.[1] ?? '';
      await first!.command('CLUSTER', 'MEET', '127.0.0.1', `${shard.port}`, busPort);
    }
    await Promise.all(
      shards.map(async (shard) => {
        await shard.until(['CLUSTER', 'INFO'], 'cluster_state:ok');
        await shard.until(['CLUSTER', 'INFO'], 'cluster_known_nodes:3');
        // A node may know the slots of one that it has not yet been told the address of.
        for (const { port } of shards) await shard.until(['CLUSTER', 'SLOTS'], `:${port}\r\n`);
      }),
    );
    return new RedisCluster(shards);
  }

  get rootNodes(): { url: string }[] {
    return this.shards.map(({ url }) => ({ url }));
  }

  /** A command to the shard that has its key; one without a key to all of them. */
  async command(...args: readonly string[]): Promise<string> {
    const replies = await Promise.all(this.shards.map((shard) => shard.command(...args)));
    return replies.filter((reply) => !reply.startsWith('-MOVED')).join('');
  }

  /** The index of the shard that has a slot. */
  async ownerOf(slot: number): Promise<number> {
    const ids = await Promise.all(this.shards.map((shard) => idOf(shard)));
    const nodes = await this.shards[0]!.command('CLUSTER', 'NODES');
    const owner = nodes.split('\n').find((line) => {
      const ranges = line.trim().split(' ').slice(8);
      return ranges.some((range) => {
        const [from = NaN, to = from] = range.split('-').map(Number);
        return slot >= from && slot <= to;
      });
    });
    return ids.findIndex((id) => owner?.includes(id));
  }

  /** Moves a slot with its keys to another shard while clients use it, as `redis-cli --cluster reshard` does. */
  async move(slot: number, to: number): Promise<void> {
    const source = this.shards[await this.ownerOf(slot)]!;
    const target = this.shards[to]!;
    const [sourceId, targetId] = [await idOf(source), await idOf(target)];
    await target.command('CLUSTER', 'SETSLOT', `${slot}`, 'IMPORTING', sourceId);
    await source.command('CLUSTER', 'SETSLOT', `${slot}`, 'MIGRATING', targetId);
    const keys = [
      ...(await source.command('CLUSTER', 'GETKEYSINSLOT', `${slot}`, '1000')).matchAll(/\$\d+\r\n(.*)\r\n/g),
    ];
    for (const [, key] of keys) {
      const moved = await source.command('MIGRATE', '127.0.0.1', `${target.port}`, key ?? '', '0', '2000');
      if (!moved.startsWith('+OK')) throw new Error(`MIGRATE ${key}: ${moved}`);
    }
    for (const shard of [target, source, ...this.shards]) {
      await shard.command('CLUSTER', 'SETSLOT', `${slot}`, 'NODE', targetId);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.stop()));
  }
}

async function idOf(shard: RedisServer): Promise<string> {
  return /[0-9a-f]{40}/.exec(await shard.command('CLUSTER', 'MYID'))?.[0] ?? '';
}
