import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import type { ChannelSet } from '../../lib/channel/channel-set.js';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import { Sse, SseBroadcaster, SseModule, type SseModuleOptions } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { GatedBackplane } from './gates.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('channels') channels: string) {
    return this.broadcaster.subscribe(channels.split(','));
  }
}

describe('channels that are named by clients', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  let registry: ConnectionRegistry;
  const clients: Client[] = [];
  const begin = async (options: SseModuleOptions = {}) => {
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, ...options })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
    registry = running.app.get(ConnectionRegistry);
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
  });
  const follow = async (channels: string, id?: string) => {
    const client = await open(running, `/feed?channels=${channels}`, id ? { headers: { 'Last-Event-ID': id } } : {});
    clients.push(client);
    return client;
  };
  const told = async (client: Client) => {
    await client.until(({ text }) => /^id: (.+)$/m.test(text));
    return /^id: (.+)$/m.exec(client.text)![1]!;
  };
  const known = () => (broadcaster as unknown as { set: { channels: Map<string, unknown> } }).set.channels.size;

  // 10,000 opened and closed subscriptions left as many watched channels for minutes.
  it.each(['in memory', 'with a store'])(
    'are gone with their last reader when nothing was published (%s)',
    async (kind) => {
      const backplane = new GatedBackplane();
      backplane.ready.open();
      backplane.reading.open();
      await begin(kind === 'in memory' ? {} : { backplane });
      for (let n = 0; n < 300; n += 100) {
        const visitors = await Promise.all(
          Array.from({ length: 100 }, (_, i) => follow(i % 2 ? `c${n + i}` : `c${n + i},d${n + i}`)),
        );
        await until(() => known() === 150);
        for (const client of visitors) client.leave();
        await until(() => registry.all.size === 0);
        await until(() => known() === 0);
      }
      expect(backplane.open).toBe(0);
    },
  );

  it('let who comes back to one go on where it was, and miss nothing', async () => {
    await begin();
    const client = await follow('a');
    const id = await told(client);
    client.leave();
    await until(() => known() === 0);
    // Nothing was published: nothing is missing.
    const again = await follow('a', id);
    await until(() => broadcaster.subscribers('a') === 1);
    await broadcaster.publish('a', 'first');
    expect(await again.event()).toMatchObject({ data: 'first' });
    // Something was, and it is there.
    const late = await follow('a', id);
    expect(await late.event()).toMatchObject({ data: 'first' });
  });

  it('tell who comes back to one whose events are gone, also with the id of its beginning', async () => {
    await begin({ history: { maxAgeMs: 10 } });
    const client = await follow('a');
    const id = await told(client);
    client.leave();
    await until(() => known() === 0);
    await broadcaster.publish('a', 'missed');
    const { set } = broadcaster as unknown as { set: ChannelSet };
    set.sweep(performance.now() + 10_000);
    expect(known()).toBe(0);
    const again = await follow('a', id);
    expect(await again.event()).toMatchObject({ event: 'gap', data: '{"channel":"a","reason":"foreign"}' });
  });

  it('are refused beyond maxChannels, before one of them is made, and others go on', async () => {
    await begin({ maxChannels: 2 });
    const one = await follow('a');
    await until(() => known() === 1);
    expect((await follow('b,c')).status).toBe(500);
    expect(known()).toBe(1);
    await broadcaster.publish('b', 'x');
    await expect(broadcaster.publish('c', 'x')).rejects.toMatchObject({ code: 'SSE_TOO_MANY_CHANNELS' });
    await expect(broadcaster.produce('c', ['x'])).rejects.toMatchObject({ code: 'SSE_TOO_MANY_CHANNELS' });
    expect((await follow('c')).status).toBe(500);
    expect((await follow('b,a')).status).toBe(200);
    await broadcaster.publish('a', 'here');
    expect(await one.event()).toMatchObject({ data: 'here' });
    one.leave();
  });
});
