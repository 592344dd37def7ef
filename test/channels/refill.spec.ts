import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { Sse, SseBroadcaster, SseModule, type SseModuleOptions } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { Gate, GatedBackplane } from './gates.js';

const snapshots = { gate: new Gate() };

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed() {
    return this.broadcaster.subscribe('a', {
      snapshot: async () => {
        await snapshots.gate.pass();
        return { type: 'state', data: 'state' };
      },
    });
  }
}

describe('a store that keeps more than this node does', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  let backplane: GatedBackplane;
  const clients: Client[] = [];
  let published: number;

  const restart = async (options: SseModuleOptions = {}) => {
    await running?.app.close();
    published = 0;
    snapshots.gate = new Gate();
    backplane = new GatedBackplane();
    backplane.ready.open();
    running = await start(platforms[0]!, {
      imports: [
        SseModule.forRoot({ ping: false, backplane, history: { maxEvents: 5 }, buffer: { maxBytes: 1 }, ...options }),
      ],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
  };
  beforeEach(() => restart());
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
  });
  const follow = async (id?: string) => {
    const client = await open(running, '/feed', id === undefined ? {} : { headers: { 'Last-Event-ID': id } });
    clients.push(client);
    return client;
  };
  const publish = async (count: number) => {
    let id = '';
    for (let n = 0; n < count; n++) {
      ({ id } = await broadcaster.publish('a', published++));
      await new Promise(setImmediate);
    }
    return id;
  };
  const data = async (client: Client, count: number) => (await client.events(count)).map((one) => one.data);
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `${from + n}`);

  it('fills in what the log has dropped while a snapshot was made: no gap, and no second one', async () => {
    const client = await follow();
    await until(() => snapshots.gate.arrived === 1);
    await publish(350);
    snapshots.gate.open();
    await until(() => backplane.reading.arrived === 1);
    await publish(50);
    backplane.reading.open();
    expect(await data(client, 401)).toEqual(['state', ...numbers(0, 400)]);
    await publish(1);
    expect(await data(client, 1)).toEqual(['400']);
    expect(snapshots.gate.arrived).toBe(1);
  });

  it('fills in what a client has missed, also what comes and is dropped while it is read', async () => {
    await follow();
    const id = await publish(1);
    await publish(300);
    const client = await follow(id);
    await until(() => backplane.reading.arrived === 1);
    await publish(300);
    backplane.reading.open();
    expect(await data(client, 600)).toEqual(numbers(1, 601));
    await publish(1);
    expect(await data(client, 1)).toEqual(['601']);
  });

  describe('is not asked for what a slow client shall not have', () => {
    /** A client that the log has moved past. */
    const slow = async (slowClient: SseModuleOptions['slowClient']) => {
      await restart({ slowClient: slowClient! });
      const client = await follow();
      await until(() => snapshots.gate.arrived === 1);
      await publish(12);
      snapshots.gate.open();
      return client;
    };

    it('disconnect: it is cut off, and comes back to all of it', async () => {
      const client = await slow('disconnect');
      await expect(client.events(14)).rejects.toThrow();
      expect(backplane.reading.arrived).toBe(0);
    });

    it('latest: it gets the newest of each key, and then what the log has', async () => {
      const client = await slow({ latest: ({ data }) => (Number(data) < 3 ? Number(data) : 'other') });
      expect(await data(client, 9)).toEqual(['state', '0', '1', '2', ...numbers(7, 12)]);
      expect(backplane.reading.arrived).toBe(0);
      await publish(1);
      expect(await data(client, 1)).toEqual(['12']);
    });
  });
});
