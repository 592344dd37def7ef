import 'reflect-metadata';
import { Controller, Module, Param, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createCluster, type RedisClusterOptions } from 'redis';
import {
  Sse,
  SseBroadcaster,
  SseModule,
  type SseConnection,
  SseClient,
  type SseSubscription,
} from '../../lib/index.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';

// One node of several: started by startNode(), told what to do over IPC.

const { NODE_REDIS_URL = '', NODE_REDIS_CLUSTER, NODE_PORT = '0' } = process.env;

const backplane = new RedisBackplane({
  ...(NODE_REDIS_CLUSTER === undefined
    ? { url: NODE_REDIS_URL }
    : { client: createCluster(JSON.parse(NODE_REDIS_CLUSTER) as RedisClusterOptions) }),
  publishTimeoutMs: 800,
  checkIntervalMs: 300,
  producerTtlMs: 600,
});

@Controller()
class FeedController {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('feed/:channel')
  feed(
    @Param('channel') channel: string,
    @Query('user') user: string,
    @SseClient() client: SseConnection,
  ): SseSubscription {
    client.context['user'] = user;
    return this.broadcaster.subscribe(channel, { from: 'earliest' });
  }
}

@Module({
  imports: [
    SseModule.forRoot({
      backplane,
      ping: { intervalMs: 400 },
      history: { maxEvents: 50_000 },
      shutdown: { gracePeriodMs: 1_000, retryMs: { min: 50, max: 1_000 } },
    }),
  ],
  controllers: [FeedController],
})
class NodeModule {}

const app = await NestFactory.create(NodeModule, new FastifyAdapter() as never, { logger: false });
app.enableShutdownHooks();
await app.listen(Number(NODE_PORT), '127.0.0.1');
const broadcaster = app.get(SseBroadcaster);

let publishing: Promise<unknown> | undefined;
let isOver = true;

/** Publishes `<name>0`, `<name>1`, … and tries each again, with its key, until it is acknowledged. */
async function publish(channel: string, name: string, everyMs: number): Promise<void> {
  for (let i = 0; !isOver; i++) {
    const data = `${name}${i}`;
    process.send?.({ acknowledged: data, id: await insist(channel, data) });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

async function insist(channel: string, data: string): Promise<string> {
  for (;;) {
    try {
      return (await broadcaster.publish(channel, { data }, { key: data })).id;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const commands = {
  begin({ channel, name, everyMs }: { channel: string; name: string; everyMs: number }) {
    isOver = false;
    publishing = publish(channel, name, everyMs);
    publishing.catch(() => undefined);
  },
  async cease() {
    isOver = true;
    await publishing;
  },
  /** Once, and what comes of it. */
  attempt: ({ channel, data }: { channel: string; data: string }) =>
    broadcaster.publish(channel, { data }).then(
      () => 'stored',
      (error: { code: string }) => error.code,
    ),
  health: () => backplane.health(),
  publish: ({ channel, data }: { channel: string; data: string }) => insist(channel, data),
  async produce({ channel }: { channel: string }) {
    await broadcaster.produce(
      channel,
      (async function* () {
        for (let i = 0; ; i++) {
          yield { data: `token ${i}` };
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })(),
    );
  },
  kick: ({ user }: { user: string }) => broadcaster.disconnect({ user }),
  subscribers: ({ channel }: { channel: string }) => broadcaster.subscribers(channel),
};

process.on(
  'message',
  ({ ask, command, argument }: { ask: number; command: keyof typeof commands; argument: never }) => {
    void (async () => commands[command](argument))().then(
      (result: unknown) => process.send?.({ answer: ask, result }),
      (error: unknown) => process.send?.({ answer: ask, error: String(error) }),
    );
  },
);
// Whoever started it is gone, without having ended it.
process.on('disconnect', () => process.exit(1));
process.send?.({ url: await app.getUrl() });
