import { SilenceCheck, type CheckedStore } from '../../lib/redis/silence-check.js';
import type { ChannelWatch } from '../../lib/redis/channel-watch.js';
import type { SsePublishSettings } from '../../lib/backplane/backplane.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { BackplaneLog } from '../support/backplane-log.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

/** A watch that has been silent for ever, and remembers that it was looked at. */
class Silent {
  readonly isBehind = false;
  readonly isBusy = false;
  readonly heardAt = -Infinity;
  isUnreadable = false;
  lookedAt = performance.now();
  position: string | undefined = '1-1';
  looks = 0;

  constructor(readonly stream: string) {}

  readonly check = (): Promise<void> => {
    this.looks++;
    return Promise.resolve();
  };
}

class ScriptedStore implements CheckedStore {
  readonly asked: (readonly string[])[] = [];
  answer: (streams: readonly string[]) => Promise<readonly string[]> = () => Promise.resolve([]);
  place: (stream: string) => string = () => '';

  stirred(streams: readonly string[]): Promise<readonly string[]> {
    this.asked.push(streams);
    return this.answer(streams);
  }
  placeOf(stream: string): string {
    return this.place(stream);
  }
  serverOf(stream: string): string {
    return this.place(stream);
  }
}

describe('the check of silent channels', () => {
  const INTERVAL = 1_000;
  let store: ScriptedStore;
  let watches: Silent[];
  let check: SilenceCheck;
  const begin = (count: number) => {
    store = new ScriptedStore();
    watches = Array.from({ length: count }, (_, i) => new Silent(`${i}`));
    check = new SilenceCheck(store, () => watches as unknown as ChannelWatch[], INTERVAL, 3_600_000);
  };
  const looks = () => watches.reduce((sum, watch) => sum + watch.looks, 0);

  it('looks at each of a few channels', async () => {
    begin(200);
    await check.round();
    expect(watches.every((watch) => watch.looks === 1)).toBe(true);
    expect(store.asked).toEqual([]);
  });

  it('asks about many in one go, and looks at those that something stirred in', async () => {
    begin(5_000);
    store.answer = (streams) => Promise.resolve(streams.filter((stream) => stream === '7' || stream === '4999'));
    await check.round();
    expect(store.asked.map((streams) => streams.length)).toEqual(Array.from({ length: 10 }, () => 500));
    expect(watches.filter((watch) => watch.looks > 0).map((watch) => watch.stream)).toEqual(['7', '4999']);
  });

  it('looks at all of them in turn, and never at all at once', async () => {
    begin(12_000);
    for (const watch of watches) watch.lookedAt = -Infinity;
    const each: number[] = [];
    for (let round = 0; round < 12; round++) {
      const before = looks();
      await check.round();
      for (const watch of watches) if (watch.looks > 0) watch.lookedAt = performance.now();
      each.push(looks() - before);
    }
    expect(watches.every((watch) => watch.looks === 1)).toBe(true);
    expect(Math.max(...each)).toBe(1_250);
  });

  it('does not begin a round while another one is going on', async () => {
    begin(1_000);
    const answers: (() => void)[] = [];
    store.answer = () => new Promise((resolve) => answers.push(() => resolve([])));
    const round = check.round();
    await check.round();
    await check.round();
    expect(answers).toHaveLength(2);
    for (const answer of answers) answer();
    await round;
    store.answer = () => Promise.resolve([]);
    await check.round();
    expect(store.asked).toHaveLength(4);
  });

  it('asks about channels of different places apart, and a server that does not answer no more in this round', async () => {
    begin(4_000);
    store.place = (stream) => `${Number(stream) % 80}`;
    store.answer = (streams) =>
      Number(streams[0]) % 80 === 3 ? Promise.reject(new Error('away')) : Promise.resolve([]);
    await check.round();
    expect(store.asked).toHaveLength(80);
    for (const streams of store.asked) expect(new Set(streams.map((one) => Number(one) % 80)).size).toBe(1);
    begin(50_000);
    store.place = () => 'one server';
    store.answer = () => Promise.reject(new Error('away'));
    await check.round();
    // What was on its way, and no more.
    expect(store.asked).toHaveLength(16);
  });
});

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
