import 'reflect-metadata';
import { Controller, Param, Query } from '@nestjs/common';
import type { SseBackplaneEntry, SseBackplaneListener } from '../../lib/backplane/backplane.js';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseModule, type SseModuleOptions } from '../../lib/index.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import type { SseRedisOptions } from '../../lib/redis/redis-backplane-options.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

/** What is told late, as by a node that is busy or far away: what was stored is not there yet. */
class LateBackplane extends RedisBackplane {
  constructor(
    options: Partial<SseRedisOptions>,
    private readonly lateMs: number,
  ) {
    super(options);
  }

  override subscribe(channel: string, listener: SseBackplaneListener) {
    let isClosed = false;
    const later = (tell: () => void) => void setTimeout(() => !isClosed && tell(), this.lateMs);
    const subscription = super.subscribe(channel, {
      ready: (head, isEnded) => listener.ready(head, isEnded),
      entry: (entry: SseBackplaneEntry) => later(() => listener.entry(entry)),
      gap: (reason, head) => later(() => listener.gap(reason, head)),
    });
    return {
      close: () => {
        isClosed = true;
        subscription.close();
      },
    };
  }
}

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed/:channels') feed(
    @Param('channels') channels: string,
    @Query('user') user: string,
    @Query('from') from: 'live' | 'earliest' = 'live',
    @SseClient() client: SseConnection,
  ) {
    client.context.user = user;
    return this.broadcaster.subscribe(channels.split(','), { from });
  }
}

/** An application in this process, one of several on one Redis. */
export interface RedisApp {
  readonly running: Running;
  readonly broadcaster: SseBroadcaster;
  readonly backplane: RedisBackplane;
  /** A client whose stream is open and fed. */
  follow(path: string): Promise<Client>;
}

export async function startRedisApp(
  redis: Partial<SseRedisOptions>,
  { lateMs = 0, ...options }: SseModuleOptions & { lateMs?: number } = {},
): Promise<RedisApp> {
  const timing = { publishTimeoutMs: 4_000, checkIntervalMs: 200, producerTtlMs: 3_000, ...redis };
  const backplane = lateMs > 0 ? new LateBackplane(timing, lateMs) : new RedisBackplane(timing);
  const running = await start(platforms[0]!, {
    imports: [SseModule.forRoot({ ping: false, ...options, backplane })],
    controllers: [Feeds],
  });
  const broadcaster = running.app.get(SseBroadcaster);
  return {
    running,
    broadcaster,
    backplane,
    async follow(path) {
      const client = await open(running, path);
      // Its position is the first that it is told, or what is kept.
      await until(() => client.body.readableLength > 0 || client.body.readableEnded);
      return client;
    },
  };
}
