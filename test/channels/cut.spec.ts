import 'reflect-metadata';
import { Controller, Query, type INestApplication } from '@nestjs/common';
import { Sse, SseBroadcaster, SseConnections, SseModule } from '../../lib/index.js';
import { platforms, start, type Platform, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { Oracle, seeded, sum, type Verdict } from './oracle.js';
import { Visitor, type dials } from './visitor.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('channels') channels: string) {
    return this.broadcaster.subscribe(channels.split(','));
  }
}

interface Way {
  readonly name: string;
  readonly platform: Platform;
  readonly protocol: keyof typeof dials;
  readonly writer: string;
  readonly configure?: (app: INestApplication) => unknown;
}

/** As compression and tracing agents do: from then on each byte goes through `res.write`. */
const patchWrite = (app: INestApplication) =>
  app.use((_: unknown, res: { write(): boolean; raw?: { write(): boolean } }, next: () => void) => {
    const raw = res.raw ?? res;
    raw.write = raw.write.bind(raw);
    next();
  });

const [express, fastify, fastify2] = platforms as readonly [Platform, Platform, Platform];
const ways: readonly Way[] = [
  { name: 'Express', platform: express, protocol: 'HTTP/1.1', writer: 'DirectWriter' },
  { name: 'Fastify', platform: fastify, protocol: 'HTTP/1.1', writer: 'DirectWriter' },
  {
    name: 'Express, res.write patched',
    platform: express,
    protocol: 'HTTP/1.1',
    writer: 'PlainWriter',
    configure: patchWrite,
  },
  { name: 'Fastify', platform: fastify, protocol: 'HTTP/1.0', writer: 'PlainWriter' },
  { name: 'Fastify', platform: fastify2, protocol: 'HTTP/2', writer: 'Http2Writer' },
];

const AT_ONCE = 50;

const eachWay = (...channels: string[]) =>
  channels.flatMap((one) => (['RST', 'FIN'] as const).map((how) => [how, one] as const));

const say = (what: string, { delivered, repeated, missing, wrong, gaps }: Verdict) =>
  process.stdout.write(
    `  ${what}: ${delivered} delivered, ${repeated} repeated, ${missing} missing without a gap, ${wrong} wrong, ${gaps} gaps\n`,
  );
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe.each(ways)('cut on $name over $protocol', ({ name, platform, protocol, writer, configure }) => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  let oracle: Oracle;
  const visitors: Visitor[] = [];

  beforeEach(async () => {
    oracle = new Oracle();
    running = await start(
      platform,
      { imports: [SseModule.forRoot({ history: { maxEvents: 100_000 }, ping: false })], controllers: [Feeds] },
      configure,
    );
    broadcaster = running.app.get(SseBroadcaster);
  });
  afterEach(async () => {
    await Promise.all(visitors.splice(0).map((visitor) => visitor.close()));
    // Whoever was cut is gone, whether by RST or FIN: nobody is left behind.
    await until(() => running.app.get(SseConnections).size === 0, 'all connections are gone');
    await running.app.close();
  });

  const visit = async (path: string, id?: string) => {
    const visitor = await Visitor.of(running.url, protocol, path, id);
    visitors.push(visitor);
    visitor.connect();
    return visitor;
  };
  const publish = async (text = '') => {
    const n = oracle.published.length;
    oracle.note(await broadcaster.publish('a', { type: `t${n % 3}`, data: `${n} ${text}` }));
    await turn();
  };
  const isHere = (visitor: Visitor, count: number) => visitor.seen.length >= count;
  /** Nobody has it yet, and everybody gets it next: what would be repeated would come before it. */
  const judge = async (what: string, froms: readonly number[], hasOwnIds: boolean) => {
    await publish('the end');
    const { data } = oracle.last!;
    await until(() => visitors.every(({ seen }) => seen.at(-1)?.data === data), 'all have the last event');
    const total = sum(visitors.map(({ seen }, i) => oracle.judge(seen, froms[i], hasOwnIds)));
    say(`${what} (${name}, ${protocol})`, total);
    expect(total).toMatchObject({ repeated: 0, missing: 0, wrong: 0, gaps: 0 });
    expect(total.delivered).toBe(froms.reduce((all, from) => all + oracle.published.length - from, 0));
  };

  it.each(eachWay('a', 'a,b'))(
    'live, at every byte of three frames, by %s, from %s, and comes back twice without traffic',
    async (how, channels) => {
      await publish('before');
      const path = `/feed?channels=${channels}`;
      // One who is not cut tells how many bytes there are.
      const measured = await visit(path);
      await until(() => measured.lastId !== undefined);
      const connections: Iterable<object> = running.app.get(SseConnections);
      expect([...connections].map((one) => (one as { writer?: object }).writer?.constructor.name)).toEqual([writer]);
      const { down } = measured.link;
      for (let n = 0; n < 3; n++) await publish();
      await until(() => isHere(measured, 3));
      const bytes = measured.link.down - down;

      const rank = oracle.published.length;
      for (let offset = 0; offset <= bytes; offset++) {
        await visit(path);
        if (offset % AT_ONCE === 0) await until(() => visitors.every(({ lastId }) => lastId !== undefined));
      }
      await until(() => visitors.every(({ lastId }) => lastId !== undefined));
      const cut = visitors.slice(1);
      cut.forEach(({ link }, offset) => link.forwardOnly(offset));
      for (let n = 0; n < 3; n++) await publish();
      await until(() => cut.every((visitor) => visitor.link.left === 0 || isHere(visitor, 3)), 'all bytes have passed');
      for (let again = 0; again < 3; again++) {
        await Promise.all(cut.map((visitor) => visitor.lose(how)));
        for (const visitor of cut) {
          visitor.link.forwardOnly(Infinity);
          visitor.connect();
        }
        await until(() => cut.every((one) => one.isAnswered && isHere(one, 3)), 'all have caught up');
      }
      await judge(`${cut.length} clients of ${channels}, live, ${how}`, [1, ...cut.map(() => rank)], channels !== 'a');
    },
  );

  it.each(eachWay('a', 'b,a'))(
    'in the response to its return, at every byte of it, by %s, to %s',
    async (how, channels) => {
      await publish('before');
      const path = `/feed?channels=${channels}`;
      const fresh = await visit(path);
      await until(() => fresh.lastId !== undefined);
      const id = fresh.lastId!;
      for (let n = 0; n < 3; n++) await publish();
      const measured = await visit(path, id);
      await until(() => isHere(measured, 3));
      const bytes = measured.link.down;

      const cut = async (offset: number) => {
        const visitor = await Visitor.of(running.url, protocol, path, id);
        visitors.push(visitor);
        visitor.link.forwardOnly(offset);
        visitor.connect();
        await until(() => (visitor.link.accepted > 0 && visitor.link.left === 0) || isHere(visitor, 3));
        await visitor.lose(how);
        visitor.link.forwardOnly(Infinity);
        visitor.connect();
        await until(() => isHere(visitor, 3));
      };
      let next = 0;
      const worker = async () => {
        while (next <= bytes) await cut(next++);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      await judge(
        `${bytes + 1} clients of ${channels}, replaying, ${how}`,
        visitors.map(() => 1),
        channels !== 'a',
      );
    },
  );

  it.each(['a', 'a,b'])('again and again in a long replay of %s, while more is published', async (channels) => {
    const random = seeded(channels.length);
    await publish('before');
    const fresh = await visit(`/feed?channels=${channels}`);
    await until(() => fresh.lastId !== undefined);
    const { lastId } = fresh;
    for (let n = 0; n < 2_000; n++) await publish('.'.repeat(random(400)));
    let cuts = 0;
    const returning = async () => {
      const visitor = await visit(`/feed?channels=${channels}`, lastId);
      while (!isHere(visitor, 2_000)) {
        visitor.link.forwardOnly(20_000 + random(100_000));
        await until(() => visitor.link.left === 0 || isHere(visitor, 2_000));
        await visitor.lose(random(2) ? 'RST' : 'FIN');
        cuts++;
        await publish();
        visitor.connect();
      }
      visitor.link.forwardOnly(Infinity);
      visitor.connect();
    };
    await Promise.all(Array.from({ length: 10 }, returning));
    expect(cuts).toBeGreaterThan(50);
    await judge(
      `${cuts} cuts in the replays of 10 clients of ${channels}`,
      visitors.map(() => 1),
      channels !== 'a',
    );
  });
});
