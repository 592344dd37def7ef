import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import type { SseBackplanePage } from '../../lib/backplane/backplane.js';
import { hashChannel } from '../../lib/channel/position-vector.js';
import { Sse, SseBroadcaster, SseModule } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { Gate, GatedBackplane } from './gates.js';

/** What the client has, and the store has lost. */
const LOST = 'lost-9';

/** A store that came back with older data. */
class RolledBack extends GatedBackplane {
  override async read(...[channel, after, ...bounds]: Parameters<GatedBackplane['read']>): Promise<SseBackplanePage> {
    if (after !== LOST) return await super.read(channel, after, ...bounds);
    // As soon as something is stored beyond it, nobody can tell that it was ever ahead.
    const { entries } = await super.read(channel, undefined, 1);
    return { entries: [], gap: entries.length === 0 ? 'future' : 'trimmed' };
  }
}

let state: Gate;

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('channels') channels: string) {
    return this.broadcaster.subscribe(channels.split(','));
  }
  @Sse('state') state() {
    const snapshot = async () => {
      await state.pass();
      return { data: 'state' };
    };
    return this.broadcaster.subscribe('a', { snapshot });
  }
}

describe('a client whose position the store has lost', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const clients: Client[] = [];

  beforeEach(async () => {
    state = new Gate();
    const backplane = new RolledBack();
    backplane.ready.open();
    backplane.reading.open();
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, backplane, history: { maxEvents: 5 }, buffer: { maxBytes: 1 } })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
  });
  const come = async (path: string, id: string) => {
    const client = await open(running, path, { headers: { 'Last-Event-ID': id } });
    clients.push(client);
    return client;
  };
  const gap = { event: 'gap', data: '{"channel":"a","reason":"future"}' };

  it("keeps it in the ids of other channels' events, until something newer comes", async () => {
    const client = await come('/feed?channels=a,b', `${hashChannel('a')}~${LOST}`);
    expect(await client.event()).toMatchObject(gap);
    const ids: (string | undefined)[] = [];
    const told = async (channel: string) => {
      const { id } = await broadcaster.publish(channel, channel);
      ids.push(`${hashChannel(channel)}~${id}`);
      const event = await client.event();
      expect(event?.data).toBe(channel);
      return event!.id!.split('.');
    };
    for (let n = 0; n < 3; n++) expect(await told('b')).toEqual([`${hashChannel('a')}~${LOST}`, ids.at(-1)]);
    expect(await told('a')).toEqual([ids.at(-1), ids.at(-2)]);
    expect(await told('b')).toEqual([ids.at(-2), ids.at(-1)]);
  });

  it('is told of it once: what it was too slow for afterwards comes from the store', async () => {
    const client = await come('/state', LOST);
    expect(await client.event()).toMatchObject({ ...gap, id: undefined });
    await until(() => state.arrived === 1, 'the snapshot is being made');
    for (let n = 0; n < 20; n++) {
      await broadcaster.publish('a', n);
      await new Promise(setImmediate);
    }
    state.open();
    expect((await client.event())?.data).toBe('state');
    for (let n = 0; n < 20; n++) expect((await client.event())?.data).toBe(`${n}`);
  });
});
