import 'reflect-metadata';
import { Body, Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseBroadcaster, SseModule, type SseStoredEvent, type SseSubscription } from 'nestjs-event-stream';

@Controller('messages')
class MessagesController {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse()
  listen(): SseSubscription {
    return this.broadcaster.subscribe('messages');
  }

  @Post()
  async send(@Body('text') text: string): Promise<SseStoredEvent> {
    return await this.broadcaster.publish('messages', { type: 'message', data: { text } });
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [MessagesController] })
class BroadcastModule {}

const app = await NestFactory.create(BroadcastModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
