import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Controller, Query } from '@nestjs/common';
import { Connection } from '../../lib/connection/connection.js';
import {
  Sse,
  SseBroadcaster,
  SseConnections,
  SseModule,
  type SseEventLike,
  type SseModuleOptions,
  type SseSubscribeOptions,
} from '../../lib/index.js';
import { ReplayPace } from '../../lib/replay/replay-pace.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { Gate } from './gates.js';
import { Follower, Oracle, seeded, sum } from './oracle.js';

let snapshot: () => SseEventLike | Promise<SseEventLike>;

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('channels') channels: string) {
    return this.broadcaster.subscribe(channels.split(','), { snapshot: () => snapshot() });
  }
  @Sse('shared') shared(@Query('shareForMs') shareForMs: string, @Query('key') key: string | undefined) {
    const load = () => snapshot();
    return this.broadcaster.subscribe('a', { snapshot: { load, key: key ?? '', shareForMs: Number(shareForMs) } });
  }
}

const faults: unknown[] = [];
const note = (error: unknown) => faults.push(error);

describe('a snapshot', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  let gate: Gate;
  let made: number;
  const clients: Client[] = [];
  const followers: Follower[] = [];

  beforeAll(() => process.on('unhandledRejection', note));
  afterAll(() => process.off('unhandledRejection', note));
  beforeEach(() => {
    gate = new Gate();
    made = 0;
    snapshot = async () => {
      const n = ++made;
      await gate.pass();
      return { type: 'state', data: `state ${n}` };
    };
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    for (const follower of followers.splice(0)) follower.leave();
    jest.restoreAllMocks();
    await running.app.close();
    expect(faults).toEqual([]);
  });

  const begin = async (options: SseModuleOptions = {}) => {
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, ...options })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
  };
  const follow = async (path = '/feed?channels=a', id?: string) => {
    const client = await open(running, path, id === undefined ? {} : { headers: { 'Last-Event-ID': id } });
    clients.push(client);
    return client;
  };
  /** A client whose snapshot is being made. */
  const waiting = async (id?: string) => {
    const { arrived } = gate;
    const client = await follow('/feed?channels=a', id);
    await until(() => gate.arrived > arrived, 'the snapshot is being made');
    return client;
  };
  const publish = async (count: number, channel = 'a') => {
    for (let n = 0; n < count; n++) {
      await broadcaster.publish(channel, { data: n });
      await turn();
    }
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const next = async (client: Client, count: number) => (await client.events(count)).map(({ data }) => data);

  it('that is made late has behind it all that was published meanwhile, and the id of where it began', async () => {
    await begin();
    const before = await broadcaster.publish('a', 'before');
    const client = await waiting();
    await publish(3);
    gate.open();
    const [state, ...rest] = await client.events(4);
    expect(state).toMatchObject({ event: 'state', data: 'state 1', id: before.id });
    expect(rest.map(({ data }) => data)).toEqual(['0', '1', '2']);
    await publish(1);
    expect(await next(client, 1)).toEqual(['0']);
  });

  it.each(['a', 'b,a'])('and what follows it is everything, whenever the client of %s comes', async (channels) => {
    await begin();
    const random = seeded(7);
    const oracle = new Oracle();
    // What it shows is what there is at some moment between the call and the answer.
    snapshot = async () => {
      for (let turns = random(4); turns > 0; turns--) await turn();
      const shown = oracle.published.length;
      for (let turns = random(4); turns > 0; turns--) await turn();
      return { type: 'state', data: `shows ${shown}` };
    };
    for (let n = 0; n < 1_500; n++) {
      oracle.note(await broadcaster.publish('a', { type: 't', data: `a ${n}` }));
      if (n % 3 === 0) await turn();
      if (n % 20 !== 0) continue;
      const follower = new Follower(`${running.url}/feed?channels=${channels}`);
      followers.push(follower);
      void follower.connect();
    }
    const last = oracle.last!.data;
    await until(() => followers.every(({ seen }) => seen.at(-1)?.data === last || seen.at(-1)?.data === 'shows 1500'));
    const verdicts = followers.map(({ seen }) => {
      const [state, ...rest] = seen;
      const shown = Number(/^shows (\d+)$/.exec(state?.data ?? '')?.[1]);
      // It begins where the state was taken, or before: what it shows already may come again, and nothing is left out.
      const first = rest.length === 0 ? shown : Number(rest[0]!.data!.slice(2));
      expect(first).toBeLessThanOrEqual(shown);
      return oracle.judge(rest, first, channels !== 'a');
    });
    const total = sum(verdicts);
    process.stdout.write(
      `  ${followers.length} snapshots of ${channels} under load: ${total.delivered} delivered after them, ` +
        `${total.repeated} repeated, ${total.missing} missing\n`,
    );
    expect(total).toMatchObject({ repeated: 0, missing: 0, wrong: 0, gaps: 0 });
  });

  it.each([0, 5])(
    'is made once, and followed by all that came meanwhile, when it is slower than a history of %i events',
    async (maxEvents) => {
      await begin({ history: { maxEvents } });
      const client = await waiting();
      await publish(200);
      gate.open();
      const seen = await next(client, 201);
      expect(seen).toEqual(['state 1', ...Array.from({ length: 200 }, (_, n) => `${n}`)]);
      await publish(1);
      expect(await next(client, 1)).toEqual(['0']);
      expect(made).toBe(1);
      // Nothing is kept for anybody any more.
      expect(await broadcaster.history('a')).toHaveLength(Math.min(1, maxEvents) * 5);
    },
  );

  it('is followed by a gap, and not by another one, when more came than the buffer may hold', async () => {
    await begin({ history: { maxEvents: 5 }, buffer: { maxBytes: 1_000 } });
    const client = await waiting();
    await publish(20);
    gate.open();
    await client.events(1);
    await until(() => broadcaster.subscribers('a') === 1);
    expect(await client.events(1)).toMatchObject([{ event: 'gap', data: '{"channel":"a","reason":"slow_client"}' }]);
    await broadcaster.publish('a', 'after');
    expect(await next(client, 1)).toEqual(['after']);
    expect(made).toBe(1);
  });

  it('of which the event has an id of its own is refused, as by publish()', async () => {
    await begin();
    snapshot = () => ({ id: '7', data: 'state' });
    const client = await follow();
    if (client.status === 200) expect((await client.rest()).map(({ event }) => event)).toEqual(['error']);
    else expect(client.status).toBe(500);
    expect(running.app.get(SseConnections).closed).toMatchObject({ source_failed: 1 });
  });

  describe('that is shared', () => {
    it('is made once for all who wait for it, and followed by what came since it began', async () => {
      await begin({ history: { maxEvents: 0 } });
      const path = '/shared?shareForMs=0';
      const early = await follow(path);
      await until(() => gate.arrived === 1);
      await publish(3);
      const late = await Promise.all(Array.from({ length: 99 }, (_, n) => follow(path, n % 2 ? 'bad-id' : undefined)));
      await until(() => broadcaster.subscribers('a') === 100);
      await broadcaster.publish('a', 'last');
      gate.open();
      for (const client of [early, ...late]) {
        const seen = (await client.events(5)).filter(({ event }) => event !== 'gap');
        const rest = seen.length === 5 ? [] : await client.events(1);
        expect([...seen, ...rest].map(({ data }) => data)).toEqual(['state 1', '0', '1', '2', 'last']);
      }
      expect(made).toBe(1);
      await follow(path);
      await until(() => gate.arrived === 2, 'who comes afterwards gets a new one');
    });

    it('is given to others for as long as it may be, and followed by what came since', async () => {
      await begin({ history: { maxEvents: 0 } });
      gate.open();
      const path = '/shared?shareForMs=600000';
      const first = await follow(path);
      expect(await next(first, 1)).toEqual(['state 1']);
      await publish(2);
      const second = await follow(path);
      expect(await next(second, 3)).toEqual(['state 1', '0', '1']);
      expect(made).toBe(1);
    });

    it('is refused without a key: a state that was made for one user would reach others', async () => {
      await begin();
      const shared = { load: () => snapshot(), shareForMs: 1_000 } as SseSubscribeOptions['snapshot'];
      expect(() => broadcaster.subscribe('a', { snapshot: shared })).toThrow(
        expect.objectContaining({
          code: 'SSE_INVALID_OPTION',
          message: expect.stringContaining('snapshot.key') as string,
        }),
      );
    });

    it('is another one for another key', async () => {
      await begin();
      const clients = await Promise.all([follow('/shared?shareForMs=0&key=x'), follow('/shared?shareForMs=0&key=y')]);
      await until(() => gate.arrived === 2);
      gate.open();
      const states = await Promise.all(clients.map((client) => client.event()));
      expect(new Set(states.map((one) => one?.data))).toEqual(new Set(['state 1', 'state 2']));
    });

    it('is not given to a client that has seen what is newer', async () => {
      await begin();
      gate.open();
      const path = '/shared?shareForMs=600000';
      expect(await next(await follow(path), 1)).toEqual(['state 1']);
      const { id } = await broadcaster.publish('a', 'one');
      const known = await follow(path, id);
      await broadcaster.publish('a', 'two');
      expect(await next(known, 1)).toEqual(['two']);
      expect(made).toBe(1);
    });
  });

  it('comes after the one gap that a position from before the history gets, and before anything newer', async () => {
    await begin({ history: { maxEvents: 2 } });
    const { id } = await broadcaster.publish('a', 'old');
    await publish(9);
    const client = await waiting(id);
    await broadcaster.publish('a', 'meanwhile');
    gate.open();
    expect(await client.events(3)).toMatchObject([{ event: 'gap' }, { data: 'state 1' }, { data: 'meanwhile' }]);
  });

  it('is not made for a client that has missed nothing', async () => {
    await begin();
    const { id } = await broadcaster.publish('a', 'known');
    await publish(1);
    const client = await follow('/feed?channels=a', id);
    expect(await next(client, 1)).toEqual(['0']);
    expect(made).toBe(0);
  });

  it('is followed by the rest and a clean end when the channel has ended meanwhile', async () => {
    await begin();
    const client = await waiting();
    await publish(2);
    await broadcaster.end('a');
    gate.open();
    expect((await client.rest()).map(({ data }) => data)).toEqual(['state 1', '0', '1']);
  });

  it('is followed by all that came meanwhile also for a client that was told of a gap, and has its turns late', async () => {
    const { get } = Object.getOwnPropertyDescriptor(ReplayPace.prototype, 'hasTime')!;
    let isBusy = true;
    jest.spyOn(ReplayPace.prototype, 'hasTime', 'get').mockImplementation(function (this: ReplayPace) {
      return (get!.call(this) as boolean) && !isBusy;
    });
    await begin({ history: { maxEvents: 2 } });
    const { id } = await broadcaster.publish('a', 'old');
    await publish(9);
    const client = await follow('/feed?channels=a', id);
    await until(() => broadcaster.subscribers('a') === 1, 'it waits for its turn');
    await publish(1);
    isBusy = false;
    await until(() => gate.arrived === 1, 'the snapshot is being made');
    isBusy = true;
    await publish(20);
    gate.open();
    await turn();
    await publish(1);
    isBusy = false;
    const numbers = [...Array(20).keys(), 0].map(String);
    for (const data of ['{"channel":"a","reason":"trimmed"}', 'state 1', ...numbers]) {
      expect((await client.event())?.data).toBe(data);
    }
  });

  it('that was made reaches all who wait for it, also when they end before it is their turn', async () => {
    await begin();
    const waiters = [await follow('/shared?shareForMs=0'), await follow('/shared?shareForMs=0')];
    await until(() => broadcaster.subscribers('a') === 2 && gate.arrived === 1, 'both wait');
    const { writeShared } = Connection.prototype;
    const written = jest.spyOn(Connection.prototype, 'writeShared');
    written.mockImplementation(function (this: Connection, ...args) {
      written.mockImplementation(writeShared);
      writeShared.apply(this, args);
      for (const connection of running.app.get(SseConnections)) connection.close();
    });
    gate.open();
    const seen = await Promise.all(waiters.map((client) => client.rest()));
    expect(seen.map((events) => events.map(({ data }) => data))).toEqual([['state 1'], ['state 1']]);
  });

  it.each([0, 2])(
    'with %i events behind it goes over into a new life of the channel, told or without a hole',
    async (unread) => {
      await begin();
      const client = await waiting();
      await publish(unread);
      const { done } = await broadcaster.produce('a', ['new']);
      await done;
      gate.open();
      const seen = (await client.rest()).map(({ event = 'message', data }) =>
        event === 'gap' ? data : `${event} ${data}`,
      );
      // Whoever has all of the life before goes on with the new one.
      const told = ['{"channel":"a","reason":"foreign"}', 'state state 2'];
      expect(seen).toEqual(['state state 1', ...(unread > 0 ? told : ['message new'])]);
    },
  );

  it.each([
    [
      'throws',
      () => {
        throw new Error('no state');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no state'))],
    [
      'rejects late',
      async () => {
        await gate.pass();
        throw new Error('no state');
      },
    ],
    ['is no event', () => ({ nonsense: 1 }) as never],
    ['is nothing', () => undefined as never],
  ])('that %s fails its own client, and no other', async (_, broken: () => Promise<SseEventLike>) => {
    await begin();
    gate.open();
    const other = await follow();
    await other.event();
    snapshot = broken;
    const opening = follow();
    const client = await opening;
    if (client.status === 200) {
      expect((await client.rest()).map(({ event }) => event)).toEqual(['error']);
    } else expect(client.status).toBe(500);
    await publish(1);
    expect(await next(other, 1)).toEqual(['0']);
    const connections = running.app.get(SseConnections);
    await until(() => connections.size === 1, 'its connection is gone');
    expect(broadcaster.subscribers('a')).toBe(1);
    expect(connections.closed).toMatchObject({ source_failed: 1 });
  });

  it("that rejects after its client has left is nobody's affair", async () => {
    await begin();
    snapshot = async () => {
      await gate.pass();
      throw new Error('too late');
    };
    const client = await waiting();
    client.leave();
    await until(() => broadcaster.subscribers('a') === 0);
    gate.open();
    for (let n = 0; n < 5; n++) await turn();
    expect(running.app.get(SseConnections).closed).toMatchObject({ client_left: 1 });
  });
});
