import 'reflect-metadata';
import { Controller, Logger, Query } from '@nestjs/common';
import type { ChannelSet } from '../../lib/channel/channel-set.js';
import { hashChannel } from '../../lib/channel/position-vector.js';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseModule, type SseModuleOptions } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Platform, type Running } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';
import { until } from '../support/until.js';
import { Gate, GatedBackplane } from './gates.js';
import { seeded } from './oracle.js';

let snapshots: Gate;
let handlers: Gate;
let onSubscribe: (connection: SseConnection) => void | Promise<void>;
const joined: string[] = [];
const left: string[] = [];

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('feed')
  async feed(@Query('user') user: string, @Query('room') room: string, @SseClient() client: SseConnection) {
    Object.assign(client.context, { user, room });
    await handlers.pass();
    return this.broadcaster.subscribe(['a', 'b'], {
      onSubscribe: (connection) => {
        joined.push(connection.id);
        return onSubscribe(connection);
      },
      onUnsubscribe: (connection) => void left.push(connection.id),
      snapshot: async () => {
        await snapshots.pass();
        return { data: 'state' };
      },
    });
  }
}

const LEAVING = {
  'a FIN': (client: RawClient) => client.destroy(),
  'an RST': (client: RawClient) => client.reset(),
  kicking: () => undefined,
} as const;

describe('who is in a channel', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  let registry: ConnectionRegistry;
  let backplane: GatedBackplane;
  const clients: { destroy(): void }[] = [];

  beforeEach(() => {
    snapshots = new Gate();
    handlers = new Gate();
    backplane = new GatedBackplane();
    onSubscribe = () => undefined;
    joined.length = left.length = 0;
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await running.app.close();
    expect(left.sort()).toEqual(joined.sort());
  });

  const begin = async (platform: Platform = platforms[0]!, options: SseModuleOptions = { backplane }) => {
    running = await start(platform, {
      imports: [SseModule.forRoot({ ping: false, history: { maxAgeMs: 10 }, ...options })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
    registry = running.app.get(ConnectionRegistry);
  };
  const visit = async (path = '/feed', headers: Record<string, string> = {}) => {
    const client = await RawClient.open(running.url, get(path, headers));
    clients.push(client);
    return client;
  };
  const follow = async (path: string): Promise<Client> => {
    const client = await open(running, path);
    clients.push({ destroy: () => client.leave() });
    return client;
  };
  const setOf = () => (broadcaster as unknown as { set: ChannelSet }).set;
  /** Nobody and nothing is left, and the channels go away with their history. */
  const expectNobody = async () => {
    await until(() => registry.all.size === 0, 'the registry is empty');
    expect([broadcaster.subscribers('a'), broadcaster.subscribers('b')]).toEqual([0, 0]);
    expect(left.sort()).toEqual(joined.sort());
    expect(new Set(left).size).toBe(left.length);
    // A snapshot that is still being made for somebody who has left keeps what comes, until it is there.
    await until(() => {
      setOf().sweep(performance.now() + 10_000);
      return !setOf().find('a') && !setOf().find('b') && backplane.open === 0;
    }, 'the channels are forgotten');
  };
  const settle = async () => {
    for (let n = 0; n < 10; n++) await new Promise((resolve) => setImmediate(resolve));
  };

  describe.each(Object.keys(LEAVING) as (keyof typeof LEAVING)[])('leaves by %s', (how) => {
    const leave = async (client: RawClient) => {
      if (how === 'kicking') for (const connection of registry.all) connection.close();
      LEAVING[how](client);
      await until(() => registry.all.size === 0, 'it has been found to be gone');
    };

    it('while its handler waits: no hook is called', async () => {
      await begin();
      const client = await visit();
      await until(() => handlers.arrived === 1);
      await leave(client);
      handlers.open();
      await settle();
      expect(joined).toEqual([]);
      await expectNobody();
    });

    it('while the backplane has not said where its channels stand', async () => {
      await begin();
      handlers.open();
      const client = await visit();
      await until(() => joined.length === 1);
      await leave(client);
      await expectNobody();
      backplane.ready.open();
      await settle();
      await expectNobody();
    });

    it('while its snapshot is made', async () => {
      await begin();
      handlers.open();
      backplane.ready.open();
      const client = await visit();
      await until(() => snapshots.arrived === 1);
      await leave(client);
      await broadcaster.publish('a', 'nobody hears it');
      snapshots.open();
      await settle();
      expect(joined).toHaveLength(1);
      await expectNobody();
    });

    it.each([false, true])('while the backplane reads what it missed (as one of several: %s)', async (isVector) => {
      await begin(platforms[0], { backplane, history: { maxEvents: 1, maxAgeMs: 10 } });
      handlers.open();
      backplane.ready.open();
      const { id } = await broadcaster.publish('a', 0);
      for (let n = 1; n < 10; n++) await broadcaster.publish('a', n);
      await settle();
      const client = await visit('/feed', {
        'Last-Event-ID': isVector ? `${hashChannel('a')}~${id}` : id,
      });
      await until(() => backplane.reading.arrived === 1);
      await leave(client);
      backplane.reading.open();
      await settle();
      expect(joined).toHaveLength(1);
      await expectNobody();
    });
  });

  it('hears no more when it is kicked from within onSubscribe, and leaves once', async () => {
    await begin();
    handlers.open();
    backplane.ready.open();
    onSubscribe = (connection) => connection.close();
    const client = await visit();
    await client.read();
    await expectNobody();
    expect(joined).toHaveLength(1);
  });

  it('is told of a hook that throws by its status, and leaves once', async () => {
    await begin();
    handlers.open();
    backplane.ready.open();
    onSubscribe = () => {
      throw new Error('not this one');
    };
    const { status } = await follow('/feed');
    expect(status).toBe(500);
    await expectNobody();
    expect(joined).toHaveLength(1);
  });

  /** A client whose stream is open, and whose hook has yet to settle. */
  const whileHooked = async () => {
    await begin();
    handlers.open();
    snapshots.open();
    backplane.ready.open();
    let fail!: (error: Error) => void;
    onSubscribe = () => new Promise((_, reject) => (fail = reject));
    const client = await follow('/feed');
    expect(await client.event()).toMatchObject({ data: 'state' });
    return { client, fail };
  };

  it('is told of an async hook that fails, in the stream when that is open already, and leaves once', async () => {
    const { client, fail } = await whileHooked();
    fail(new Error('not this one'));
    expect(await client.event()).toMatchObject({ event: 'error' });
    await expectNobody();
    expect(joined).toHaveLength(1);
  });

  it('has left when an async hook fails: that is logged, and nothing else happens', async () => {
    const { client, fail } = await whileHooked();
    client.leave();
    await expectNobody();
    const logged = new Promise((resolve) => {
      Logger.overrideLogger({ log: resolve, error: resolve, warn: resolve });
    });
    fail(new Error('not this one'));
    expect(await logged).toMatchObject({ message: 'not this one' });
    Logger.overrideLogger(false);
  });

  it.each(platforms)('comes and goes on $name at any moment: each who came has left, once', async (platform) => {
    await begin(platform, { history: { maxAgeMs: 10 } });
    const random = seeded(11);
    const pause = () => new Promise((resolve) => setTimeout(resolve, random(6)));
    handlers.pass = snapshots.pass = async () => void (await pause());
    const visitor = async () => {
      for (let n = 0; n < 25; n++) {
        const abort = new AbortController();
        const opening = open(running, '/feed', { signal: abort.signal }).catch(() => undefined);
        await pause();
        if (random(2)) {
          abort.abort();
          (await opening)?.leave();
          continue;
        }
        const client = await opening;
        await broadcaster.publish('a', n);
        if (random(2)) await client?.event().catch(() => undefined);
        client?.leave();
      }
    };
    await Promise.all(Array.from({ length: 20 }, visitor));
    await until(() => registry.all.size === 0, 'all have gone');
    await until(() => left.length === joined.length, 'all have been let go');
    process.stdout.write(`  ${joined.length} of 500 visitors came in on ${platform.name}, ${left.length} left\n`);
    expect(joined.length).toBeGreaterThan(50);
    await expectNobody();
  });
});
