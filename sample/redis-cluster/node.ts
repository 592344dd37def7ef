import 'reflect-metadata';
import { Body, Controller, Header, HttpCode, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Sse, SseBroadcaster, SseModule, type SseSubscription } from 'nestjs-event-stream';
import { RedisBackplane } from 'nestjs-event-stream/redis';
import { join } from 'node:path';

// One node of the chat: PORT and REDIS_URL say which. It knows nothing of the others.
const { PORT = '3001', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env;

@Controller('chat')
class ChatController {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse()
  @Header('X-Node', PORT)
  listen(): SseSubscription {
    return this.broadcaster.subscribe('chat', { from: 'earliest' });
  }

  @Post()
  @HttpCode(202)
  async say(@Body('text') text: string): Promise<{ id: string; node: string }> {
    const { id } = await this.broadcaster.publish('chat', { data: { text, node: PORT } });
    return { id, node: PORT };
  }
}

@Module({
  imports: [SseModule.forRoot({ backplane: new RedisBackplane({ url: REDIS_URL, prefix: 'chat:' }) })],
  controllers: [ChatController],
})
class NodeModule {}

const app = await NestFactory.create<NestExpressApplication>(NodeModule, { logger: ['warn', 'error'] });
app.useStaticAssets(join(import.meta.dirname, 'public'));
app.enableShutdownHooks();
await app.listen(PORT, '127.0.0.1');
