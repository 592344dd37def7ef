import 'reflect-metadata';
import { Controller, Query, type INestApplication } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '../../../lib/connection/connection.js';
import { Sse, SseBroadcaster, SseConnections, SseModule } from '../../../lib/index.js';
import { RedisBackplane } from '../../../lib/redis/index.js';
import { serve } from '../../support/child-app.js';
import { collectGarbage } from '../../support/collect-garbage.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('channels') channels: string) {
    return this.broadcaster.subscribe(channels.split(','));
  }
}

const { REDIS_URL } = process.env;

/** Publishes so many events of so many bytes. @returns the ids of the first and of the last */
async function fill(
  { channel, events, bytes }: { channel: string; events: number; bytes: number },
  app: INestApplication,
): Promise<readonly [string, string]> {
  const broadcaster = app.get(SseBroadcaster);
  const ids: string[] = [];
  for (let n = 0; n < events; n++) {
    const head = `${String(n).padStart(8, '0')} 0 `;
    ids.push((await broadcaster.publish(channel, head.padEnd(bytes, '.'))).id);
  }
  return [ids[0]!, ids.at(-1)!];
}

/** How long publishes take, in milliseconds, while `forMs` passes. */
async function publishing({ forMs }: { forMs: number }, app: INestApplication): Promise<number[]> {
  const broadcaster = app.get(SseBroadcaster);
  const taken: number[] = [];
  for (const began = performance.now(); performance.now() - began < forMs;) {
    // From when it should have begun: a turn that was late is part of what a caller waits.
    const due = performance.now() + 2;
    await delay(2);
    await broadcaster.publish('other', 'x');
    taken.push(performance.now() - due);
  }
  return taken;
}

await serve(
  {
    imports: [
      SseModule.forRoot({
        ping: false,
        writeTimeoutMs: false,
        history: { maxEvents: 1_000_000, maxBytes: 64_000_000, maxAgeMs: 3_600_000 },
        ...(REDIS_URL === undefined ? {} : { backplane: new RedisBackplane({ url: REDIS_URL }) }),
      }),
    ],
    controllers: [Feeds],
  },
  {
    fill,
    publishing,
    /** How many connections there are, and how many of them have no room. */
    full: (_, app) => {
      const all = [...app.get(SseConnections)] as unknown as Connection[];
      return { open: all.length, full: all.filter(({ isWritable }) => !isWritable).length };
    },
    memory: async () => {
      for (let round = 0; round < 3; round++) await collectGarbage();
      return process.memoryUsage.rss();
    },
  },
);
