import 'reflect-metadata';
import { Controller, Logger, Module, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { LastEventId, Sse, SseBroadcaster, SseModule, type SseStoredEvent } from 'nestjs-event-stream';
import { startNginx } from './nginx.js';

/** A cache cannot pass on a live stream. It can pass on short answers: those of each second, once for all clients. */
const SHORT_ANSWERS = {
  retryMs: 1_000,
  headers: { 'Cache-Control': 'public, max-age=1', 'X-Accel-Buffering': null },
};

@Controller()
class TicksController implements OnModuleDestroy {
  private readonly logger = new Logger('Ticks');
  private n = 0;
  private readonly timer = setInterval(() => void this.publish(), 500);

  constructor(private readonly broadcaster: SseBroadcaster) {}

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** What came after the event that the client has, and the end. An EventSource comes back after `retryMs` for more. */
  @Sse('ticks', SHORT_ANSWERS)
  async ticks(@LastEventId() after?: string): Promise<SseStoredEvent[]> {
    this.logger.log(`asked for what came after ${after ?? 'the beginning'}`);
    return await this.broadcaster.history('ticks', { after });
  }

  private async publish(): Promise<void> {
    await this.broadcaster.publish('ticks', { type: 'tick', data: { n: ++this.n } });
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [TicksController] })
class NginxCacheModule {}

const app = await NestFactory.create(NginxCacheModule);
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
startNginx({ port: process.env.PORT ?? '3000', upstream: await app.getUrl() });
