import 'reflect-metadata';
import { Body, Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { LastEventId, Sse, SseModule, type SseEventInit } from 'nestjs-event-stream';
import { join } from 'node:path';
import { concat, defer, Subject, type Observable } from 'rxjs';

@Controller('news')
class NewsController {
  private readonly articles: SseEventInit[] = [];
  private readonly published = new Subject<SseEventInit>();

  /** What came after the article that the client has, and then what comes. `defer`: nothing is published in between. */
  @Sse()
  read(@LastEventId() last = '0'): Observable<SseEventInit> {
    return defer(() => concat(this.articles.slice(Number(last)), this.published));
  }

  @Post()
  publish(@Body('title') title: string): { id: number } {
    const id = this.articles.length + 1;
    const article = { type: 'article', id, data: { title } };
    this.articles.push(article);
    this.published.next(article);
    return { id };
  }
}

@Module({ imports: [SseModule.forRoot({ retryMs: 1_000 })], controllers: [NewsController] })
class NewsModule {}

const app = await NestFactory.create<NestExpressApplication>(NewsModule);
app.useStaticAssets(join(import.meta.dirname, 'public'));
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
