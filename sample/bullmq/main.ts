import 'reflect-metadata';
import { Body, Controller, HttpCode, Module, Param, Post, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Queue } from 'bullmq';
import { Sse, SseBroadcaster, SseModule, type SseSubscription } from 'nestjs-event-stream';
import { RedisBackplane } from 'nestjs-event-stream/redis';
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

const { REDIS_URL = 'redis://localhost:6379' } = process.env;

@Controller('videos')
class VideosController implements OnApplicationShutdown {
  private readonly queue = new Queue('videos', { connection: { url: REDIS_URL } });

  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Post()
  @HttpCode(202)
  async add(@Body('name') name: string): Promise<{ id: string }> {
    const id = randomUUID();
    await this.broadcaster.publish(`video.${id}`, { type: 'waiting', data: { name } });
    await this.queue.add('convert', { name }, { jobId: id });
    return { id };
  }

  /** From the first event on, also for who comes late. 204 when there is no such job, or the client has all of it. */
  @Sse(':id')
  async watch(@Param('id') id: string): Promise<SseSubscription | null> {
    const channel = `video.${id}`;
    return (await this.broadcaster.exists(channel)) ? this.broadcaster.subscribe(channel, { from: 'earliest' }) : null;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.queue.close();
  }
}

@Module({
  imports: [SseModule.forRoot({ backplane: new RedisBackplane({ url: REDIS_URL, prefix: 'videos:' }) })],
  controllers: [VideosController],
})
class BullModule {}

const app = await NestFactory.create<NestExpressApplication>(BullModule);
app.useStaticAssets(join(import.meta.dirname, 'public'));
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);

// A worker is a process of its own, on any machine. It needs the same Redis, and no HTTP.
const worker = fork(join(import.meta.dirname, 'worker.ts'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => worker.kill());
