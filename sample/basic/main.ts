import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseModule, type SseEventInit } from 'nestjs-event-stream';
import { interval, map, type Observable } from 'rxjs';

@Controller()
class BasicController {
  /** Ends when its client leaves. */
  @Sse('clock')
  clock(): Observable<SseEventInit> {
    return interval(1_000).pipe(map((n) => ({ type: 'tick', data: { n, at: new Date() } })));
  }

  /** Ends by itself. */
  @Sse('countdown')
  *countdown(): Iterable<number | string> {
    for (let n = 5; n > 0; n--) yield n;
    yield 'lift-off';
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [BasicController] })
class BasicModule {}

const app = await NestFactory.create(BasicModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
