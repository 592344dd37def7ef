import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import type { SseBackplaneEntry, SseBackplaneListener } from '../../lib/backplane/backplane.js';
import { Sse, SseBroadcaster, SseModule, type SseModuleOptions } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { Gate, GatedBackplane } from './gates.js';

let made: Gate;

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('channels') channels: string) {
    return this.broadcaster.subscribe(channels.split(','));
  }
  @Sse('state') state() {
    return this.broadcaster.subscribe('a', {
      snapshot: async () => {
        await made.pass();
        return { type: 'state', data: 'all' };
      },
    });
  }
}

/** Stores at once, and tells the listeners of channel `a` late. */
class DeafBackplane extends GatedBackplane {
  readonly hearing = new Gate();

  override subscribe(channel: string, listener: SseBackplaneListener) {
    if (channel !== 'a') return super.subscribe(channel, listener);
    return super.subscribe(channel, {
      ready: (head, isEnded) => listener.ready(head, isEnded),
      entry: (entry: SseBackplaneEntry) => void this.hearing.pass().then(() => listener.entry(entry)),
      gap: (reason, head) => listener.gap(reason, head),
    });
  }
}

describe('a subscription', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const clients: Client[] = [];

  beforeEach(() => (made = new Gate()));
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
  });
  const begin = async (options: SseModuleOptions = {}) => {
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, ...options })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
  };
  const follow = async (path: string, id?: string) => {
    const client = await open(running, path, id === undefined ? {} : { headers: { 'Last-Event-ID': id } });
    clients.push(client);
    return client;
  };

  // The gap had the position behind it: whoever was ended before the snapshot came never got what it stands for.
  describe('whose client had a gap, and waits for the snapshot that follows it,', () => {
    it('gets that before an end, and what was published before the end', async () => {
      await begin();
      const client = await follow('/state', 'lost');
      expect(await client.event()).toMatchObject({ event: 'gap' });
      await until(() => made.arrived === 1);
      await broadcaster.publish('a', 'one');
      broadcaster.disconnect(() => true, { event: { type: 'goodbye' } });
      await broadcaster.publish('a', 'too late');
      made.open();
      expect((await client.rest()).map(({ event, data }) => event ?? data)).toEqual(['state', 'one', 'goodbye']);
    });

    it('gets both again when it comes back before it had the snapshot', async () => {
      await begin();
      const client = await follow('/state', 'lost');
      const gap = await client.event();
      expect(gap).toMatchObject({ event: 'gap', id: undefined });
      await until(() => made.arrived === 1);
      client.leave();
      made.open();
      const back = await follow('/state', 'lost');
      const [again, state] = await back.events(2);
      expect(again).toMatchObject({ event: 'gap', id: undefined });
      expect(state).toMatchObject({ event: 'state' });
      const { id } = await broadcaster.publish('a', 'one');
      expect(await back.event()).toMatchObject({ data: 'one', id });
      const later = await follow('/state', state!.id);
      expect(await later.event()).toMatchObject({ data: 'one', id });
    });
  });

  // Its client came from a node that had heard more: the other channels waited for that as well.
  it('goes on with the other channels while this node has yet to hear of one', async () => {
    const backplane = new DeafBackplane();
    backplane.ready.open();
    backplane.reading.open();
    await begin({ backplane });
    // This node follows the channel already.
    await (await follow('/feed?channels=a')).until(({ text }) => text.includes('id: '));
    const known = await broadcaster.publish('a', 'known elsewhere');
    const client = await follow('/feed?channels=a,b', known.id);
    await until(() => backplane.reading.arrived > 1);
    await broadcaster.publish('b', 'other');
    expect(await client.event()).toMatchObject({ data: 'other' });
    backplane.hearing.open();
    await broadcaster.publish('a', 'next');
    expect(await client.event()).toMatchObject({ data: 'next' });
  });
});
