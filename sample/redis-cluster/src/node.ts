import 'reflect-metadata';
import { Body, Controller, Get, Header, HttpCode, Module, Post, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseBroadcaster, SseModule, type SseSubscription } from 'nestjs-event-stream';
import { RedisBackplane } from 'nestjs-event-stream/redis';
import { page } from './page.js';

// One node of the chat: PORT and REDIS_URL say which. It knows nothing of the others.
const { PORT = '3001', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env;

@Controller()
class ChatController {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Get()
  @Header('Content-Type', 'text/html')
  index(): string {
    return page;
  }

  @Sse('chat')
  chat(@Res({ passthrough: true }) response: { setHeader(name: string, value: string): void }): SseSubscription {
    response.setHeader('X-Node', PORT);
    return this.broadcaster.subscribe('chat', { from: 'earliest' });
  }

  @Post('chat')
  @HttpCode(202)
  async say(@Body() { text }: { text: string }): Promise<{ id: string; node: string }> {
    const { id } = await this.broadcaster.publish('chat', { data: { text: String(text).slice(0, 500), node: PORT } });
    return { id, node: PORT };
  }
}

@Module({
  imports: [SseModule.forRoot({ backplane: new RedisBackplane({ url: REDIS_URL, prefix: 'chat:' }) })],
  controllers: [ChatController],
})
class NodeModule {}

const app = await NestFactory.create(NodeModule, { logger: ['error'] });
app.enableShutdownHooks();
await app.listen(Number(PORT), '127.0.0.1');
