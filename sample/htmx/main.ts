import 'reflect-metadata';
import { Body, Controller, HttpCode, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Sse, SseBroadcaster, SseModule, type SseSubscription } from 'nestjs-event-stream';
import { join } from 'node:path';

const escape = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

@Controller('notes')
class NotesController {
  private count = 0;

  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse()
  watch(): SseSubscription {
    return this.broadcaster.subscribe('notes', { from: 'earliest' });
  }

  /** The data of an event is HTML, and its type says where the page puts it. */
  @Post()
  @HttpCode(204)
  async add(@Body('text') text: string): Promise<void> {
    await this.broadcaster.publish('notes', { type: 'note', data: `<li>${escape(text)}</li>` });
    await this.broadcaster.publish('notes', { type: 'count', data: `<b>${++this.count}</b>` });
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [NotesController] })
class HtmxModule {}

const app = await NestFactory.create<NestExpressApplication>(HtmxModule);
app.useStaticAssets(join(import.meta.dirname, 'public'));
app.useStaticAssets('node_modules/htmx.org/dist', { prefix: '/htmx' });
app.useStaticAssets('node_modules/htmx-ext-sse/dist', { prefix: '/htmx-ext-sse' });
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
