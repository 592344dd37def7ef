import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import { connect } from 'node:net';
import { Sse, SseBroadcaster, SseModule } from '../../lib/index.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { BlockReader, Follower, Oracle, seeded, sum, type Verdict } from './oracle.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('channels') channels: string) {
    return this.broadcaster.subscribe(channels.split(','));
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

  const begin = async (maxEvents: number) => {
    running = await start(platforms[0]!, {
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

  it('has 500 clients with random cursors connect under load, and miss and repeat nothing', async () => {
    await begin(100_000);
    const random = seeded(1);
    const oracle = new Oracle();
    for (let n = 0; n < 500; n++) await publish(oracle, 'a', n);
    const froms: number[] = [];
    const arrivals: Promise<void>[] = [];
    const began = performance.now();
    let n = 500;
    for (let client = 0; client < 500; client++) {
      for (let burst = 0; burst < 5; burst++) await publish(oracle, 'a', n++);
      const at = random(oracle.published.length);
      const follower = follow('a', oracle.published[at]!.id);
      froms.push(at + 1);
      arrivals.push(follower.connect());
      // 5 events a millisecond at most.
      while (performance.now() - began < (n - 500) / 5) await turn();
    }
    await Promise.all(arrivals);
    const rate = Math.round((n - 500) / ((performance.now() - began) / 1_000));
    await publish(oracle, 'a', n);
    const { last } = oracle;
    await until(() => followers.every(({ lastId }) => lastId === last!.id), 'all have the last event');
    const total = sum(followers.map(({ seen }, i) => oracle.judge(seen, froms[i])));
    say(`500 clients joining at ${rate} events/s`, total);
    expect(total).toMatchObject({ repeated: 0, missing: 0, wrong: 0, gaps: 0 });
  }, 90_000);

  it.each(['a', 'a,b'])(
    'has a client of %s, cut at every byte of the response, come back and miss nothing',
    async (channels) => {
      await begin(1_000);
      const oracle = new Oracle();
      await publish(oracle, 'a', 0);
      const first = follow(channels);
      await first.connect();
      await until(() => first.lastId !== undefined);
      const fromId = first.lastId!;
      for (let n = 1; n < 4; n++) await publish(oracle, 'a', n);
      const { port } = new URL(running.url);
      const verdicts: Verdict[] = [];
      for (let offset = 0, length = Infinity; offset <= length; offset++) {
        const reader = new BlockReader();
        reader.lastId = fromId;
        const ask = async (most: number) => {
          const socket = connect(Number(port), '127.0.0.1');
          socket.write(`GET /feed?channels=${channels} HTTP/1.0\r\nHost: x\r\nLast-Event-ID: ${reader.lastId}\r\n\r\n`);
          let raw = '';
          socket
            .setEncoding('latin1')
            .on('data', (text: string) => (raw += text))
            .on('error', () => undefined);
          await until(
            () => raw.length >= most || raw.includes(`data: a 3\n\n`) || (reader.seen.length >= 3 && raw !== ''),
          );
          if (most === Infinity) length = Math.min(length, raw.length);
          socket.resetAndDestroy();
          const piece = raw.slice(0, most);
          const body = piece.indexOf('\r\n\r\n');
          if (body >= 0) reader.feed(piece.slice(body + 4));
          reader.cut();
        };
        if (length === Infinity) {
          await ask(Infinity);
          offset = -1;
          continue;
        }
        await ask(offset);
        // Again, without traffic in between, and once more.
        if (reader.seen.length < 3) await ask(Infinity);
        verdicts.push(oracle.judge(reader.seen, 1, channels !== 'a'));
      }
      const total = sum(verdicts);
      say(`cut at each of ${verdicts.length} bytes (${channels})`, total);
      expect(verdicts.length).toBeGreaterThan(200);
      expect(total).toMatchObject({ delivered: verdicts.length * 3, repeated: 0, missing: 0, wrong: 0, gaps: 0 });
    },
    60_000,
  );

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
      (one as unknown as { url: string }).url = `${running.url}/feed?channels=${url(names[followers.indexOf(one)]!)}`;
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
  }, 90_000);

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
  }, 60_000);
});
