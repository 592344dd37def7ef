import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Controller } from '@nestjs/common';
import { createCluster } from 'redis';
import type { SsePublishSettings } from '../../lib/backplane/backplane.js';
import { Sse, SseBroadcaster, SseModule } from '../../lib/index.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { backplaneContract } from '../../lib/backplane-testing/backplane-contract.js';
import { BackplaneLog } from '../support/backplane-log.js';
import { open } from '../support/client.js';
import { describeWith } from '../support/external.js';
import { platforms, start } from '../support/platforms.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { RedisServer } from '../support/redis-server.js';

const settings: SsePublishSettings = { history: { maxEvents: 1_000, maxBytes: 10_000_000, maxAgeMs: 300_000 } };
const event = (data: string) => ({ kind: 'event', data }) as const;

let since = 0;

@Controller()
class Feed {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed() {
    return this.broadcaster.subscribe('orders', { from: { time: since } });
  }
}

/** The user of the paper, word for word. */
function documented(): string[] {
  const paper = readFileSync(join(process.cwd(), 'docs/NODES.md'), 'utf8');
  const [line] = /^ACL SETUSER app .*$/m.exec(paper) ?? [];
  return line!.split(' ');
}

/** When it was stored, in milliseconds since 1970. */
const timeOf = (position: string) => Number(position.split('-')[0]);

describeWith('redis-server', 'a user of Redis with the documented rights', (path) => {
  let server: RedisServer;
  const url = () => server.url.replace('//', '//app:password@');
  beforeEach(async () => {
    server = await RedisServer.start(path);
    expect(await server.command(...documented())).toContain('+OK');
  });
  afterEach(() => server.stop());

  it('can do everything that a backplane promises', async () => {
    const cases = backplaneContract({ open: () => new RedisBackplane({ url: url() }), isShared: true });
    for (const { run } of cases) await run();
    const node = new RedisBackplane({ url: url(), checkIntervalMs: 50 });
    const logs = Array.from({ length: 300 }, () => new BackplaneLog());
    for (const [i, log] of logs.entries()) node.subscribe(`silent ${i}`, log);
    // So many that they are asked about in one go; and nothing that was refused is hidden.
    await server.until(['INFO', 'commandstats'], 'cmdstat_xread');
    expect(await server.command('ACL', 'LOG')).not.toMatch(/command|key|channel/);
    expect((await node.health()).isUp).toBe(true);
    await node.close();
  });

  it('can begin where a moment was', async () => {
    const node = new RedisBackplane({ url: url() });
    const positions: string[] = [];
    const store = async () => {
      positions.push(await node.publish('orders', event(`${positions.length}`), settings));
      return timeOf(positions.at(-1)!);
    };
    const first = await store();
    do since = await store();
    while (since === first);
    expect(await node.positionBefore('orders', since)).toBe(positions.at(-2));
    expect(await node.positionBefore('orders', 0)).toBeUndefined();
    const running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, backplane: node })],
      controllers: [Feed],
    });
    const client = await open(running, '/feed');
    expect((await client.events(1))[0]!.data).toBe(`${positions.length - 1}`);
    client.leave();
    expect(await server.command('ACL', 'LOG')).not.toMatch(/command|key|channel/);
    await server.command('ACL', 'SETUSER', 'app', '-xrevrange');
    await expect(node.positionBefore('orders', since)).rejects.toMatchObject({ code: 'SSE_BACKPLANE_UNAVAILABLE' });
    await running.app.close();
  });

  it('can do so on a cluster, with the one more right that is named', async () => {
    const cluster = await RedisCluster.start(path);
    for (const shard of cluster.shards) await shard.command(...documented(), '+cluster|slots');
    const node = new RedisBackplane({
      client: createCluster({
        rootNodes: cluster.rootNodes,
        defaults: { username: 'app', password: 'password' },
      }),
    });
    const log = new BackplaneLog();
    node.subscribe('orders', log);
    await log.isReady();
    await node.publish('orders', event('1'), settings);
    await log.has('1');
    await node.close();
    await cluster.stop();
  });

  it.each(['spublish', 'pexpire', 'set'])(
    'who may not %s is told that the event was stored, and may try again with its key',
    async (command) => {
      await server.command('ACL', 'SETUSER', 'app', `-${command}`);
      const node = new RedisBackplane({ url: url() });
      const failed = node.publish('orders', event('1'), { ...settings, key: 'k' });
      await expect(failed).rejects.toMatchObject({
        code: 'SSE_BACKPLANE_UNAVAILABLE',
        message: expect.stringMatching(/It was stored/) as string,
      });
      expect(await server.command('XLEN', 'sse:{orders}')).toBe(':1\r\n');
      if (command !== 'set') {
        expect(await node.publish('orders', event('1'), { ...settings, key: 'k' })).toMatch(/^\d+-\d+$/);
        expect(await server.command('XLEN', 'sse:{orders}')).toBe(':1\r\n');
      }
      await node.close();
    },
  );

  it('who may not use the notifications is told so too', async () => {
    await server.command('ACL', 'SETUSER', 'app', 'resetchannels');
    const node = new RedisBackplane({ url: url() });
    await expect(node.publish('orders', event('1'), settings)).rejects.toThrow(/It was stored/);
    expect(await server.command('ACL', 'LOG')).toMatch(/channel/);
    await node.close();
  });

  it.each(['evalsha', 'xadd', 'xinfo'])('who may not %s is told that nothing was stored', async (command) => {
    await server.command('ACL', 'SETUSER', 'app', `-${command}`);
    const node = new RedisBackplane({ url: url() });
    await expect(node.publish('orders', event('1'), settings)).rejects.toThrow(/nothing was stored/);
    expect(await server.command('XLEN', 'sse:{orders}')).toBe(':0\r\n');
    await node.close();
  });
});
