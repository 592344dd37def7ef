import 'reflect-metadata';
import { Controller, Module, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Sse, SseBroadcaster, SseModule, type SseSubscription } from 'nestjs-event-stream';
import { join } from 'node:path';
import { startBadProxy } from './bad-proxy.js';

@Controller()
class NumbersController implements OnModuleDestroy {
  private n = 0;
  private readonly timer = setInterval(() => void this.broadcaster.publish('numbers', { data: ++this.n }), 100);

  constructor(private readonly broadcaster: SseBroadcaster) {}

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  @Sse('numbers')
  numbers(): SseSubscription {
    return this.broadcaster.subscribe('numbers');
  }
}

@Module({ imports: [SseModule.forRoot({ retryMs: 300 })], controllers: [NumbersController] })
class LostConnectionModule {}

const app = await NestFactory.create<NestExpressApplication>(LostConnectionModule);
app.useStaticAssets(join(import.meta.dirname, 'public'));
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');

const { port } = new URL(await app.getUrl());
startBadProxy({ from: Number(process.env.PORT ?? 3000), to: Number(port), cutEveryMs: 2_000 }).unref();
