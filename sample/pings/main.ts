import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseModule } from 'nestjs-event-stream';
import { NEVER, type Observable } from 'rxjs';

/** Three streams that have nothing to say. Only the pings differ. */
@Controller()
class QuietController {
  /** As the module says: an empty comment. Clients do not see it, proxies do. */
  @Sse('comment')
  comment(): Observable<never> {
    return NEVER;
  }

  /** An event, for clients that want to know that the server is there. */
  @Sse('event', { ping: { event: () => ({ type: 'ping', data: { at: new Date() } }) } })
  event(): Observable<never> {
    return NEVER;
  }

  @Sse('none', { ping: false })
  none(): Observable<never> {
    return NEVER;
  }
}

@Module({ imports: [SseModule.forRoot({ ping: { intervalMs: 1_000 } })], controllers: [QuietController] })
class PingsModule {}

const app = await NestFactory.create(PingsModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
