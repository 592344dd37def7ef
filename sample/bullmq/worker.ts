import 'reflect-metadata';
import { Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Worker, type Job } from 'bullmq';
import { SseBroadcaster, SseModule } from 'nestjs-event-stream';
import { RedisBackplane } from 'nestjs-event-stream/redis';
import { setTimeout as sleep } from 'node:timers/promises';

const { REDIS_URL = 'redis://localhost:6379' } = process.env;

@Injectable()
class Converter implements OnModuleDestroy {
  private readonly worker = new Worker<{ name: string }>('videos', (job) => this.convert(job), {
    connection: { url: REDIS_URL },
  });

  constructor(private readonly broadcaster: SseBroadcaster) {}

  /** Waits for the job that is under way. The broadcaster is still there: it is closed after this hook. */
  async onModuleDestroy(): Promise<void> {
    await this.worker.close();
  }

  private async convert({ id, data }: Job<{ name: string }>): Promise<void> {
    const channel = `video.${id}`;
    for (let percent = 0; percent < 100; percent += 5) {
      await this.broadcaster.publish(channel, { type: 'progress', data: { percent } });
      await sleep(150);
    }
    await this.broadcaster.publish(channel, { type: 'done', data });
    await this.broadcaster.end(channel);
  }
}

@Module({
  imports: [SseModule.forRoot({ backplane: new RedisBackplane({ url: REDIS_URL, prefix: 'videos:' }) })],
  providers: [Converter],
})
class WorkerModule {}

const app = await NestFactory.createApplicationContext(WorkerModule, { logger: ['warn', 'error'] });
app.enableShutdownHooks();
