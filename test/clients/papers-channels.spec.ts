import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import {
  defineChannel,
  Sse,
  SseBroadcaster,
  SseClient,
  SseConnection,
  SseConnections,
  SseModule,
} from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

const orders = defineChannel<{ created: { total: number }; cancelled: { id: string } }>('orders');
let snapshot = (): Promise<{ type: string; data: string }> => Promise.resolve({ type: 'state', data: '' });

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('feed')
  feed(@Query('channels') channels: string, @SseClient() client: SseConnection, @Query('user') user?: string) {
    client.context.userId = user;
    return this.broadcaster.subscribe(channels.split(','));
  }

  @Sse('state')
  state() {
    return this.broadcaster.subscribe('small', { snapshot: () => snapshot() });
  }
}

// What docs/CHANNELS.md says. Each paragraph has a sentence here; the oracles are in test/channels.
describe.each(platforms.slice(0, 1))('what docs/CHANNELS.md says, on $name', (platform) => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const clients: Client[] = [];

  beforeEach(async () => {
    running = await start(platform, {
      imports: [
        SseModule.forRoot({
          channels: [
            { match: 'small', history: { maxEvents: 2 } },
            { match: 'nothing', history: { maxEvents: 0 } },
            { match: 'reset.*', history: { maxEvents: 2 }, slowClient: 'disconnect' },
            { match: 'skip.*', history: { maxEvents: 2 } },
            {
              match: 'ticker.*',
              // As many keys as there are, and the marker's.
              history: { maxEvents: 4 },
              slowClient: { latest: ({ data }) => (JSON.parse(data!) as { symbol: string }).symbol },
            },
          ],
        }),
      ],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
  });

  const follow = async (path: string, id?: string) => {
    const client = await open(running, path, { headers: id === undefined ? {} : { 'Last-Event-ID': id } });
    clients.push(client);
    return client;
  };
  const say = async (channel: string, ...data: unknown[]) => {
    for (const value of data) await broadcaster.publish(channel, { data: value });
  };
  const datas = async (client: Client, count: number) => (await client.events(count)).map(({ data }) => data);

  it('resumes on three channels from the id of any event, each of the others exactly once, in order', async () => {
    const client = await follow('/feed?channels=a,b,c');
    const published: string[] = [];
    for (let n = 0; n < 30; n++) {
      const channel = 'abc'[((n * 7) % 5) % 3]!;
      published.push(`${channel}${n}`);
      await say(channel, `${channel}${n}`);
    }
    const events = await client.events(30);
    expect(events.map(({ data }) => data).sort()).toEqual([...published].sort());
    const of = (letter: string, list: string[]) => list.filter((data) => data.startsWith(letter));
    for (let cut = 0; cut < events.length; cut++) {
      const again = await follow('/feed?channels=c,a,b', events[cut]!.id);
      const rest = await datas(again, events.length - cut - 1);
      const whole = [...events.slice(0, cut + 1).map(({ data }) => data), ...rest];
      for (const letter of 'abc') expect([cut, of(letter, whole)]).toEqual([cut, of(letter, published)]);
      again.leave();
    }
  });

  it('makes a snapshot for a client without an id and after a gap; what is published meanwhile follows it', async () => {
    let finish!: () => void;
    let asked!: () => void;
    const begin = () => {
      const isAsked = new Promise<void>((resolve) => (asked = resolve));
      snapshot = () => {
        asked();
        return new Promise((resolve) => (finish = () => resolve({ type: 'state', data: 'all' })));
      };
      return isAsked;
    };
    let isAsked = begin();
    const opening = follow('/state');
    await isAsked;
    await say('small', 1);
    finish();
    const fresh = await opening;
    const [state, first] = await fresh.events(2);
    expect([state!.event, first!.data]).toEqual(['state', '1']);
    fresh.leave();
    // Back in time: nothing is missing, and no snapshot is made.
    await say('small', 2, 3);
    const back = await follow('/state', first!.id);
    expect(await datas(back, 2)).toEqual(['2', '3']);
    back.leave();
    await say('small', 4);
    isAsked = begin();
    const late = await follow('/state', first!.id);
    await isAsked;
    await say('small', 5);
    finish();
    expect((await late.events(3)).map(({ event, data }) => event ?? data)).toEqual(['gap', 'state', '5']);
  });

  it('refuses an event that brings an id, and one that its channel does not know, the latter when it is compiled', async () => {
    expect(() => broadcaster.publish('a', { id: '1', data: 1 })).toThrow('has an id of its own');
    const client = await follow('/feed?channels=orders');
    await broadcaster.publish(orders, { type: 'created', data: { total: 1 } });
    // @ts-expect-error the data is another event's
    await broadcaster.publish(orders, { type: 'cancelled', data: { total: 1 } });
    // @ts-expect-error no such type
    await broadcaster.publish(orders, { type: 'paid', data: { total: 1 } });
    expect((await client.events(3)).map(({ event }) => event)).toEqual(['created', 'cancelled', 'paid']);
  });

  it('delivers live what keeps nothing', async () => {
    const client = await follow('/feed?channels=nothing');
    await say('nothing', 1, 2);
    const [, last] = await client.events(2);
    expect(await broadcaster.history('nothing')).toEqual([]);
    client.leave();
    const again = await follow('/feed?channels=nothing', last!.id);
    await say('nothing', 3);
    expect(await datas(again, 1)).toEqual(['3']);
  });

  it('kicks by tags', async () => {
    const [ann, bob] = [await follow('/feed?channels=a&user=ann'), await follow('/feed?channels=a&user=bob')];
    expect(broadcaster.disconnect({ userId: 'ann' })).toBe(1);
    await ann.rest();
    await say('a', 'still here');
    expect(await datas(bob, 1)).toEqual(['still here']);
    expect(broadcaster.subscribers('a')).toBe(1);
  });

  it('begins another life with an event after the end, of which who comes back with the old one is told', async () => {
    const client = await follow('/feed?channels=a');
    const { id } = await broadcaster.publish('a', 'first');
    await broadcaster.end('a');
    expect((await client.rest()).map(({ data }) => data)).toEqual(['first']);
    await say('a', 'second');
    const back = await follow('/feed?channels=a', id);
    expect(await back.event()).toMatchObject({
      event: 'gap',
      data: JSON.stringify({ channel: 'a', reason: 'foreign' }),
    });
  });

  describe('a client that does not read', () => {
    /** Publishes until the socket takes no more, and then more than the history keeps. */
    async function overrun(channel: string, value: (n: number) => unknown): Promise<[Client, SseConnection, number]> {
      const client = await follow(`/feed?channels=${channel}`);
      const [connection] = running.app.get(SseConnections);
      let n = 0;
      const publish = () => broadcaster.publish(channel, { data: value(n++) });
      while (connection!.bufferedBytes === 0 && n < 2_000) {
        await publish();
        await new Promise(setImmediate);
      }
      for (let more = 0; more < 10; more++) {
        await publish();
        await new Promise(setImmediate);
      }
      return [client, connection!, n];
    }
    const pad = 'x'.repeat(200_000);

    it('is told of a gap', async () => {
      const [client, , count] = await overrun('skip.a', (n) => `${n} ${pad}`);
      let seen = 0;
      for (;;) {
        const event = (await client.event())!;
        if (event.event === 'gap') {
          expect(JSON.parse(event.data)).toEqual({ channel: 'skip.a', reason: 'slow_client' });
          break;
        }
        expect(event.data.split(' ')[0]).toBe(String(seen++));
      }
      expect(seen).toBeLessThan(count);
      await say('skip.a', 'next');
      expect(await datas(client, 1)).toEqual(['next']);
    });

    it('is reset', async () => {
      const [client, connection] = await overrun('reset.a', (n) => `${n} ${pad}`);
      await expect(client.rest()).rejects.toThrow();
      expect(await connection.closed).toMatchObject({ code: 'slow_client' });
    });

    it('gets the newest of each key', async () => {
      const [client, , count] = await overrun('ticker.a', (n) => ({ symbol: `s${n % 3}`, n, pad }));
      await say('ticker.a', { symbol: 'marker' });
      const newest = new Map<string, number>();
      for (;;) {
        const event = (await client.event())!;
        expect(event.event).toBeUndefined();
        const { symbol, n } = JSON.parse(event.data) as { symbol: string; n: number };
        if (symbol === 'marker') break;
        expect(n).toBeGreaterThan(newest.get(symbol) ?? -1);
        newest.set(symbol, n);
      }
      expect([...newest.values()].sort((a, b) => a - b)).toEqual([count - 3, count - 2, count - 1]);
    });
  });
});
