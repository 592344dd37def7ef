import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import type { Connection } from '../../lib/connection/connection.js';
import { Sse, SseBroadcaster, SseConnections, SseModule } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Platform, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { Follower, Oracle, seeded, sum, type Verdict } from './oracle.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('channels') channels: string) {
    return this.broadcaster.subscribe(channels.split(','));
  }
  @Sse('greeted') greeted() {
    for (const data of ['a 1', 'a 2']) void this.broadcaster.publish('a', { type: 't', data });
    return this.broadcaster.subscribe('a', { from: 'earliest' });
  }
}

const say = (what: string, { delivered, repeated, missing, wrong, gaps }: Verdict) =>
  process.stdout.write(
    `  ${what}: ${delivered} delivered, ${repeated} repeated, ${missing} missing without a gap, ${wrong} wrong, ${gaps} gaps\n`,
  );

describe('every client against the ledger', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const followers: Follower[] = [];

  const begin = async (maxEvents: number, platform: Platform = platforms[0]!) => {
    running = await start(platform, {
      imports: [SseModule.forRoot({ history: { maxEvents }, ping: false })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
  };
  afterEach(async () => {
    for (const follower of followers.splice(0)) follower.leave();
    await running.app.close();
  });

  const follow = (channels: string, id?: string) => {
    const follower = new Follower(`${running.url}/feed?channels=${channels}`, id);
    followers.push(follower);
    return follower;
  };
  const publish = async (oracle: Oracle, channel: string, n: number) =>
    oracle.note(await broadcaster.publish(channel, { type: `t${n % 7}`, data: `${channel} ${n}` }));
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('has 50 channels with 20 random subscribers each, who are cut and reorder their channels, miss nothing', async () => {
    await begin(10_000);
    const random = seeded(2);
    const oracles = Array.from({ length: 50 }, () => new Oracle());
    const names: string[][] = [];
    const url = (chosen: string[]) => [...chosen].sort(() => random(3) - 1).join();
    for (let i = 0; i < 250; i++) {
      const chosen = new Set<string>();
      while (chosen.size < 4) chosen.add(`c${random(50)}`);
      names.push([...chosen]);
      follow(url([...chosen]));
    }
    await Promise.all(followers.map((one) => one.connect()));
    await until(() => followers.every(({ lastId }) => lastId !== undefined));
    for (let n = 0; n < 4_000; n++) {
      const channel = random(50);
      await publish(oracles[channel]!, `c${channel}`, n);
      if (n % 20 !== 0) continue;
      await turn();
      const one = followers[random(250)]!;
      one.leave();
      one.url = `${running.url}/feed?channels=${url(names[followers.indexOf(one)]!)}`;
      await one.connect();
    }
    const isLast = (name: string, data: string | undefined) => data === oracles[Number(name.slice(1))]!.last?.data;
    await until(() =>
      followers.every(({ seen }, i) => names[i]!.every((name) => seen.some(({ data }) => isLast(name, data)))),
    );
    const verdicts = followers.flatMap(({ seen }, i) =>
      names[i]!.map((name) =>
        oracles[Number(name.slice(1))]!.judge(
          seen.filter(({ data }) => data?.startsWith(`${name} `)),
          0,
          true,
        ),
      ),
    );
    const total = sum(verdicts);
    say('50 channels, 1,000 subscriptions, 200 cuts', total);
    expect(total).toMatchObject({ repeated: 0, missing: 0, wrong: 0 });
    expect(followers.flatMap(({ seen }) => seen.filter(({ type }) => type === 'gap'))).toEqual([]);
  });

  it('tells each client that comes back what was trimmed meanwhile, once, and loses nothing after it', async () => {
    await begin(200);
    const random = seeded(3);
    const oracle = new Oracle();
    for (let i = 0; i < 40; i++) follow('a');
    await Promise.all(followers.map((one) => one.connect()));
    await until(() => followers.every(({ lastId }) => lastId !== undefined));
    for (let n = 0; n < 6_000; n++) {
      await publish(oracle, 'a', n);
      if (n % 25 !== 0) continue;
      await turn();
      const one = followers[random(40)]!;
      one.leave();
      if (random(2)) for (const stop = n + 150 + random(100); n < stop;) await publish(oracle, 'a', ++n);
      await one.connect();
    }
    const { last } = oracle;
    await until(() => followers.every(({ lastId }) => lastId === last!.id));
    const total = sum(followers.map(({ seen }) => oracle.judge(seen, 0)));
    say('trimmed while away and during replay', total);
    expect(total).toMatchObject({ repeated: 0, missing: 0, wrong: 0 });
    expect(total.gaps).toBeGreaterThan(0);
  });

  // It reads from the log what the others get at the end of the turn; live at once, it would get that again with them.
  it.each(platforms)('sends once on $name what was published in the turn in which a client came', async (platform) => {
    await begin(100, platform);
    await broadcaster.publish('a', { type: 't', data: 'a 0' });
    const other = await open(running, '/feed?channels=a');
    await until(() => broadcaster.subscribers('a') === 1);
    const client = await open(running, '/greeted');
    await until(() => broadcaster.subscribers('a') === 2);
    await turn();
    await broadcaster.publish('a', { type: 't', data: 'a 3' });
    expect((await client.events(4)).map(({ data }) => data)).toEqual(['a 0', 'a 1', 'a 2', 'a 3']);
    expect((await other.events(3)).map(({ data }) => data)).toEqual(['a 1', 'a 2', 'a 3']);
    client.leave();
    other.leave();
  });

  it.each(platforms)(
    'announces one gap on $name when the history is trimmed during a replay, and loses no more',
    async (platform) => {
      await begin(2_000, platform);
      const random = seeded(4);
      const oracle = new Oracle();
      const put = async (n: number) => {
        const data = `${n}`.padEnd(8_000, '.');
        oracle.note(await broadcaster.publish('a', { type: 't', data }));
      };
      for (let n = 0; n < 2_000; n++) await put(n);
      const clients = await Promise.all(
        Array.from({ length: 20 }, () =>
          open(running, '/feed?channels=a', { headers: { 'last-event-id': oracle.published[0]!.id } }),
        ),
      );
      // Each stops somewhere in its replay, and the history moves past all of them.
      const seen = await Promise.all(clients.map((client) => client.events(1 + random(300))));
      const connections = [...running.app.get(SseConnections)] as unknown as Connection[];
      await until(() => connections.every(({ isWritable }) => !isWritable), 'all sockets are full');
      for (let n = 2_000; n < 6_000; n++) {
        await put(n);
        if (n % 100 === 0) await turn();
      }
      // The gap that is told there has the newest position as well. A socket may have had room for a moment: that client was
      // told of a gap earlier, went on, and is trimmed once more.
      const readAll = () =>
        Promise.all(
          clients.map(async (client, i) => {
            while (seen[i]!.at(-1)!.id !== oracle.published.at(-1)!.id) seen[i]!.push((await client.event())!);
          }),
        );
      await readAll();
      for (let n = 6_000; n < 6_010; n++) await put(n);
      await readAll();
      const total = sum(
        seen.map((events) =>
          oracle.judge(
            events.map(({ id = '', event, data }) => ({ id, type: event, data })),
            1,
          ),
        ),
      );
      clients.forEach((client) => client.leave());
      say(`20 clients on ${platform.name}, trimmed in their replays`, total);
      expect(total).toMatchObject({ repeated: 0, missing: 0, wrong: 0 });
      expect(seen.every((events) => events.some(({ event }) => event === 'gap'))).toBe(true);
    },
  );
});
