import type { SsePublishSettings } from '../../lib/backplane/backplane.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { BackplaneLog } from '../support/backplane-log.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

const settings: SsePublishSettings = { history: { maxEvents: 1_000, maxBytes: 10_000_000, maxAgeMs: 300_000 } };

describeWith('redis-server', 'thousands of silent channels', (path) => {
  let server: RedisServer;
  let nodes: RedisBackplane[];
  beforeEach(async () => {
    server = await RedisServer.start(path);
    nodes = [1, 2].map(() => new RedisBackplane({ url: server.url, checkIntervalMs: 100 }));
  });
  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    await server.stop();
  });
  const calls = async (command: string): Promise<number> => {
    const stats = await server.command('INFO', 'commandstats');
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  };
  async function listen(node: RedisBackplane, count: number): Promise<BackplaneLog[]> {
    const logs = Array.from({ length: count }, () => new BackplaneLog());
    for (const [i, log] of logs.entries()) node.subscribe(`c${i}`, log);
    await until(() => logs.every(({ start }) => start), 'all are ready');
    return logs;
  }

  // One each a second they were, and with a short interval they queued faster than they were answered.
  it('cost three commands for hundreds of them, and keep no new one waiting', async () => {
    await listen(nodes[0]!, 3_000);
    const rounds = await calls('xread');
    const before = await calls('evalsha');
    // Four rounds or more, with six batches in each; and a look at a twelfth of the channels in each, not at all of them.
    let batches = 0;
    while ((batches = (await calls('xread')) - rounds) < 24) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await calls('evalsha')) - before).toBeLessThan((batches / 6 + 1) * 1_000);
    const log = new BackplaneLog();
    nodes[0]!.subscribe('new', log);
    await log.isReady();
  });

  it('still notice what they were not told: an entry, a loss, a producer that has died', async () => {
    const logs = await listen(nodes[0]!, 1_000);
    const [entered, lost, died] = [logs[1]!, logs[2]!, logs[3]!];
    const meta = `${entered.start!.head} - ${entered.start!.head} 4 300000`;
    await server.command('XADD', 'sse:{c1}', '*', 'm', meta, 'e', 'E\nsilent');
    await server.command('DEL', 'sse:{c2}');
    await server.command(
      'HSET',
      'sse:{c3}:p',
      'holder',
      'dead',
      'until',
      '1',
      'words',
      '["N"]',
      'keep',
      '[9,9999,0,0]',
    );
    await entered.has('silent');
    await until(() => lost.gaps.length > 0, 'the gap');
    await until(() => died.entries.at(-1)?.event.kind === 'end', 'the end');
    await nodes[1]!.publish('c4', { kind: 'event', data: 'as ever' }, settings);
    await logs[4]!.has('as ever');
    expect(logs.filter(({ gaps }) => gaps.length > 0)).toEqual([lost]);
  });
});
