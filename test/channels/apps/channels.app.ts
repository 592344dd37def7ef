import 'reflect-metadata';
import { Controller, Query, type INestApplication } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { hashChannel } from '../../../lib/channel/position-vector.js';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseConnections, SseModule } from '../../../lib/index.js';
import { serve } from '../../support/child-app.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { derivedEvent, type ChannelIds } from '../derived-events.js';

const named = new Map<string, SseConnection>();

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('feed')
  feed(
    @Query('channels') channels: string,
    @Query('name') name: string | undefined,
    @SseClient() client: SseConnection,
  ) {
    if (name !== undefined) named.set(name, client);
    return this.broadcaster.subscribe(channels.split(','));
  }
}

/** How many events each channel has, by which the next one is derived. */
const counts: Record<string, number> = {};

async function publishNext(broadcaster: SseBroadcaster, channel: string): Promise<string> {
  const n = (counts[channel] ??= 0);
  counts[channel] = n + 1;
  return (await broadcaster.publish(channel, derivedEvent(channel, n))).id;
}

/** Gives each channel its first events, and tells what their ids are made of. */
async function preload(
  { channels, each }: { channels: readonly string[]; each: number },
  app: INestApplication,
): Promise<Record<string, ChannelIds>> {
  const broadcaster = app.get(SseBroadcaster);
  const ids: Record<string, ChannelIds> = {};
  for (const channel of channels) {
    for (let n = 0; n < each; n++) {
      const id = await publishNext(broadcaster, channel);
      const positions = [...(ids[channel]?.positions ?? []), id];
      ids[channel] = { hash: hashChannel(channel), prefix: id.slice(0, id.lastIndexOf('-') + 1), positions };
    }
  }
  return ids;
}

/** Publishes derived events in turn to the channels, as many a second as asked for, or as the machine can. */
async function publish(
  { channels, total, perSecond }: { channels: readonly string[]; total: number; perSecond: number },
  app: INestApplication,
): Promise<{ rate: number; counts: Record<string, number> }> {
  const broadcaster = app.get(SseBroadcaster);
  const began = performance.now();
  for (let n = 0; n < total;) {
    const due = Math.min(total, Math.ceil(((performance.now() - began) * perSecond) / 1_000));
    // Not all that is due at once: who has fallen behind would publish everything in one turn.
    for (const stop = Math.min(due, n + 100); n < stop; n++)
      await publishNext(broadcaster, channels[n % channels.length]!);
    await delay(1);
  }
  return { rate: Math.round((total * 1_000) / (performance.now() - began)), counts };
}

/**
 * Publishes events of one size, each with its number and the time, as fast as the client named `fast` takes them, and
 * looks at what the process holds meanwhile.
 */
async function pour(
  {
    channel,
    first,
    events,
    bytes,
    perSecond,
  }: Record<'first' | 'events' | 'bytes' | 'perSecond', number> & { channel: string },
  app: INestApplication,
): Promise<{ mostRss: number; mostBuffered: number; ms: number }> {
  const broadcaster = app.get(SseBroadcaster);
  const connections = app.get(SseConnections);
  const filler = '.'.repeat(bytes);
  let [mostRss, mostBuffered] = [0, 0];
  const began = performance.now();
  for (let n = 0; n < events;) {
    const due = Math.min(events, Math.ceil(((performance.now() - began) * perSecond) / 1_000));
    for (const stop = Math.min(due, n + 8); n < stop; n++) {
      const head = `${String(first + n).padStart(8, '0')} ${process.hrtime.bigint()} `;
      await broadcaster.publish(channel, { data: head + filler.slice(head.length) });
    }
    if (n % 64 < 8) {
      mostRss = Math.max(mostRss, process.memoryUsage.rss());
      for (const { bufferedBytes } of connections) mostBuffered = Math.max(mostBuffered, bufferedBytes);
    }
    do await delay(1);
    while (named.get('fast')!.bufferedBytes > 0);
  }
  return { mostRss, mostBuffered, ms: performance.now() - began };
}

const few = { maxEvents: 100 };

await serve(
  {
    imports: [
      SseModule.forRoot({
        ping: false,
        writeTimeoutMs: false,
        history: { maxEvents: 100_000, maxBytes: 1e9 },
        channels: [
          { match: 'skip*', history: few, slowClient: 'skip' },
          { match: 'disconnect*', history: few, slowClient: 'disconnect' },
          { match: 'latest*', history: few, slowClient: { latest: ({ data }) => Number(data!.slice(0, 8)) % 10 } },
          { match: 'nothing*', history: { maxEvents: 0 } },
          { match: 'little*', history: { maxEvents: 1_000 } },
          { match: 'newest*', history: few, slowClient: { latest: ({ data }) => Number(data) % 100 } },
        ],
      }),
    ],
    controllers: [Feeds],
  },
  {
    preload,
    publish,
    pour,
    subscribers: (channel: string, app) => app.get(SseBroadcaster).subscribers(channel),
    closed: (_, app) => ({ ...app.get(SseConnections).closed }),
    say: ({ channel, data }: { channel: string; data: string }, app) =>
      app.get(SseBroadcaster).publish(channel, { data }),
    rss: async () => {
      for (let round = 0; round < 3; round++) await collectGarbage();
      return process.memoryUsage.rss();
    },
    repeat: async ({ channel, times }: { channel: string; times: number }, app) => {
      const broadcaster = app.get(SseBroadcaster);
      // In turns of a hundred, as requests would come.
      for (let n = 0; n < times; n++) {
        await broadcaster.publish(channel, { type: 'tick', data: n });
        if (n % 100 === 0) await new Promise(setImmediate);
      }
    },
  },
);
