import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import type { SseSignallingBackplane } from '../../lib/backplane/abilities.js';
import { MemoryBackplane } from '../../lib/backplane/memory-backplane.js';
import {
  Sse,
  SseBroadcaster,
  SseClient,
  SseConnection,
  SseModule,
  type SseFrom,
  type SseModuleOptions,
  type SseSubscription,
} from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { Gate, GatedBackplane } from './gates.js';

let last: SseSubscription;
let from: (channel: string) => SseFrom;

@Controller()
class Rooms {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('rooms') rooms(@Query('names') names: string, @Query('filtered') filtered?: string) {
    const filter = filtered === undefined ? undefined : () => true;
    return (last = this.broadcaster.subscribe(names.split(','), {
      from: (channel) => from(channel),
      ...(filter && { filter }),
    }));
  }
}

let handlers: Gate;

@Controller()
class Users {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('user') async user(@Query('name') name: string, @SseClient() client: SseConnection) {
    const subscription = this.broadcaster.subscribe(`user.${name}`);
    await handlers.pass();
    client.context.name = name;
    return subscription;
  }
}

/** What other nodes say is what a test lets them say. */
class Signals extends MemoryBackplane implements SseSignallingBackplane {
  readonly said: string[] = [];
  hear!: (message: string, ageMs?: number) => void;
  signal(message: string): Promise<void> {
    this.said.push(message);
    return Promise.resolve();
  }
  onSignal(listener: (message: string, ageMs?: number) => void): void {
    this.hear = listener;
  }
}

function storing(): SseModuleOptions {
  const backplane = new GatedBackplane();
  backplane.ready.open();
  backplane.reading.open();
  return { backplane };
}

describe.each(platforms)('an open subscription on $name', (platform) => {
  describe.each([
    ['in memory', () => ({})],
    ['with a store', storing],
  ] as [string, () => SseModuleOptions][])('%s', (_, options) => {
    let running: Running;
    let broadcaster: SseBroadcaster;
    const clients: Client[] = [];

    beforeEach(async () => {
      from = () => 'live';
      running = await start(platform, {
        imports: [SseModule.forRoot({ ping: false, ...options() })],
        controllers: [Rooms],
      });
      broadcaster = running.app.get(SseBroadcaster);
    });
    afterEach(async () => {
      for (const client of clients.splice(0)) client.leave();
      await running.app.close();
    });

    const come = async (names: string, id?: string, more = '') => {
      const count = () => names.split(',').map((name) => broadcaster.subscribers(name));
      const before = count();
      const headers = id === undefined ? {} : { headers: { 'Last-Event-ID': id } };
      const client = await open(running, `/rooms?names=${names}${more}`, headers);
      clients.push(client);
      await until(() => count().every((now, n) => now > before[n]!), 'it is subscribed');
      return client;
    };
    const say = (channel: string, data: string) => broadcaster.publish(channel, data);
    /** The newest id, once there is one of that shape. */
    const lastId = async (client: Client, shape: RegExp) => {
      const ids = () => [...client.text.matchAll(/^id: (\S+)$/gm)].map(([, id]) => id!);
      await client.until(() => ids().some((id) => shape.test(id)));
      return ids().at(-1)!;
    };
    const data = async (client: Client, count: number) => (await client.events(count)).map((event) => event.data);

    it.each(['', '&filtered'])('hears of a channel from when it joined, in the ids as well%s', async (more) => {
      const client = await come('a', undefined, more);
      await say('a', 'a 1');
      await say('b', 'before');
      await last.join('b');
      expect(last.channels).toEqual(['a', 'b']);
      await say('b', 'b 1');
      expect(await data(client, 2)).toEqual(['a 1', 'b 1']);
      await say('a', 'a 2');
      expect(await data(client, 1)).toEqual(['a 2']);
      expect(broadcaster.subscribers('b')).toBe(1);
    });

    it('is told its position at once: who is cut off after it joined comes back to all of both', async () => {
      const client = await come('a');
      await last.join('b');
      const lastEventId = await lastId(client, /~.*~/);
      client.leave();
      await until(() => broadcaster.subscribers('a') === 0);
      await say('b', 'b 1');
      await say('a', 'a 1');
      const again = await come('a,b', lastEventId);
      expect(new Set(await data(again, 2))).toEqual(new Set(['a 1', 'b 1']));
    });

    it('joins at a position, at a time, or at the oldest that is kept', async () => {
      const { id } = await say('b', 'b 1');
      await say('b', 'b 2');
      for (const channel of ['c', 'd']) await say(channel, `${channel} 1`);
      const client = await come('a');
      await last.join('b', { from: { position: id } });
      expect(await data(client, 1)).toEqual(['b 2']);
      await last.join('c', { from: 'earliest' });
      expect(await data(client, 1)).toEqual(['c 1']);
      await last.join('d', { from: { time: new Date(0) } });
      expect(await data(client, 1)).toEqual(['d 1']);
      await say('a', 'a 1');
      expect(await data(client, 1)).toEqual(['a 1']);
    });

    it('hears no more of a channel that it left, and comes back without it', async () => {
      const client = await come('a,b');
      await last.leave('b');
      expect(broadcaster.subscribers('b')).toBe(0);
      await say('b', 'b 1');
      const { id } = await say('a', 'a 1');
      expect(await client.events(1)).toMatchObject([{ id, data: 'a 1' }]);
    });

    it('stays open when it leaves its last channel, and goes on with another', async () => {
      const client = await come('a');
      await last.leave('a');
      await last.join('b');
      await say('a', 'a 1');
      await say('b', 'b 1');
      expect(await data(client, 1)).toEqual(['b 1']);
    });

    it('has no hole and no repeat while rooms come and go under load', async () => {
      const client = await come('a');
      const subscription = last;
      const told: string[] = [];
      for (let n = 0; n < 300; n++) {
        told.push(`a ${n}`);
        const saying = say('a', `a ${n}`);
        if (n % 3 === 0) void subscription.join('b');
        if (n % 3 === 1) void subscription.leave('b');
        if (n % 5 === 0) await say('b', `b ${n}`);
        await saying;
        if (n % 7 === 0) await new Promise(setImmediate);
      }
      const seen: (string | undefined)[] = [];
      while (seen.at(-1) !== 'a 299') seen.push(...(await data(client, 1)));
      expect(seen.filter((text) => text?.startsWith('a'))).toEqual(told);
      expect(new Set(seen).size).toBe(seen.length);
    });

    it('begins in a channel that was added while away where `from` says', async () => {
      const { id } = await say('a', 'a 1');
      const joined = await say('b', 'b 1');
      await say('b', 'b 2');
      await say('a', 'a 2');
      from = (channel) => (channel === 'b' ? { position: joined.id } : 'live');
      const client = await come('a,b', await lastId(await come('a,x', id), /~.*~/));
      const seen: (string | undefined)[] = [];
      while (seen.at(-1) !== 'b 2') seen.push(...(await data(client, 1)));
      expect(seen).not.toContain('b 1');
    });
  });

  it('refuses what is no channel and no place to begin', async () => {
    const running = await start(platform, { imports: [SseModule.forRoot()], controllers: [Rooms] });
    const subscription = running.app.get(SseBroadcaster).subscribe('a');
    await expect(subscription.join('')).rejects.toMatchObject({ code: 'SSE_INVALID_CHANNEL' });
    for (const wrong of ['late', {}, { time: 'x' }, { time: NaN }, { position: 7 }, null]) {
      await expect(subscription.join('b', { from: wrong as never })).rejects.toMatchObject({
        code: 'SSE_INVALID_OPTION',
      });
    }
    expect(subscription.channels).toEqual(['a']);
    await running.app.close();
  });
});

it('a client of one channel that comes back to several goes on where it was, and begins in the others at a time', async () => {
  class Timed extends GatedBackplane {
    /** What is kept is all younger; this is known last. */
    async positionBefore(): Promise<undefined> {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const backplane = new Timed();
  backplane.ready.open();
  backplane.reading.open();
  from = () => ({ time: 0 });
  const imports = [SseModule.forRoot({ ping: false, backplane })];
  const running = await start(platforms[0]!, { imports, controllers: [Rooms] });
  const broadcaster = running.app.get(SseBroadcaster);
  await broadcaster.publish('a', 'a 1');
  const { id } = await broadcaster.publish('a', 'a 2');
  for (const channel of ['a', 'b']) await broadcaster.publish(channel, `${channel} 3`);
  const client = await open(running, '/rooms?names=a,b', { headers: { 'Last-Event-ID': id } });
  const seen = (await client.events(2)).map(({ data }) => data);
  expect(new Set(seen)).toEqual(new Set(['a 3', 'b 3']));
  client.leave();
  await running.app.close();
});

describe('subscriptions by tags', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  let signals: Signals;
  const clients: Client[] = [];

  beforeEach(async () => {
    handlers = new Gate();
    signals = new Signals();
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, backplane: signals })],
      controllers: [Users],
    });
    broadcaster = running.app.get(SseBroadcaster);
  });
  afterEach(async () => {
    handlers.open();
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
  });
  const come = async (name: string) => {
    const client = await open(running, `/user?name=${name}`);
    clients.push(client);
    return client;
  };

  it('join and leave a channel, and no others do', async () => {
    handlers.open();
    const [ann, bob] = [await come('ann'), await come('bob')];
    await until(() => broadcaster.subscribers('user.bob') === 1);
    expect(await broadcaster.join({ name: 'ann' }, 'room')).toBe(1);
    await broadcaster.publish('room', 'one');
    expect(await ann.event()).toMatchObject({ data: 'one' });
    expect(await broadcaster.leave({ name: 'ann' }, 'room')).toBe(1);
    await broadcaster.publish('room', 'two');
    for (const name of ['ann', 'bob']) await broadcaster.publish(`user.${name}`, 'marker');
    for (const client of [ann, bob]) expect(await client.event()).toMatchObject({ data: 'marker' });
  });

  it('join also when their handlers were still at work', async () => {
    const coming = come('ann');
    await until(() => handlers.arrived === 1);
    expect(await broadcaster.join({ name: 'ann' }, 'room')).toBe(0);
    await broadcaster.publish('room', 'one');
    handlers.open();
    expect(await (await coming).event()).toMatchObject({ data: 'one' });
  });

  it('join where the channel was when another node said so, and not twice where it was said', async () => {
    handlers.open();
    const client = await come('ann');
    await until(() => broadcaster.subscribers('user.ann') === 1);
    const { id } = await broadcaster.publish('room', 'before');
    await broadcaster.publish('room', 'one');
    const said = JSON.stringify({ membership: { tags: { name: 'ann' }, channel: 'room', from: { position: id } } });
    signals.hear(said);
    expect(await client.event()).toMatchObject({ data: 'one' });
    await broadcaster.leave({ name: 'ann' }, 'room');
    await broadcaster.join({ name: 'ann' }, 'room');
    for (const message of signals.said) signals.hear(message);
    await broadcaster.publish('room', 'two');
    expect(await client.event()).toMatchObject({ data: 'two' });
  });

  it.each([{}, { name: undefined }, null])('are not asked for by %j', async (tags) => {
    await expect(broadcaster.join(tags as never, 'room')).rejects.toMatchObject({ code: 'SSE_INVALID_OPTION' });
    await expect(broadcaster.leave(tags as never, 'room')).rejects.toMatchObject({ code: 'SSE_INVALID_OPTION' });
    expect(signals.said).toEqual([]);
  });
});
