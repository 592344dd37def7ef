import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { LastEventId, Sse, SseModule, SseSignal, type SseEventLike } from 'nestjs-event-stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { interval, type Observable } from 'rxjs';

@Controller()
class FarewellController {
  /** Takes the signal: it may end what it is doing, within `gracePeriodMs`, and say something last. */
  @Sse('work')
  async *work(@SseSignal() signal: AbortSignal, @LastEventId() last = '0'): AsyncIterable<SseEventLike> {
    let page = Number(last);
    while (!signal.aborted) {
      await sleep(400); // one page of work, which should not be torn
      yield { type: 'page', id: ++page, data: { page } };
    }
    yield { type: 'paused', data: `after page ${page}` };
  }

  /** Does not take it: it is ended at once, with the farewell of the module. */
  @Sse('ticks')
  ticks(): Observable<number> {
    return interval(400);
  }
}

@Module({
  imports: [
    SseModule.forRoot({
      shutdown: { gracePeriodMs: 3_000, farewell: () => ({ type: 'restart', data: 'back in a moment' }) },
    }),
  ],
  controllers: [FarewellController],
})
class FarewellModule {}

const app = await NestFactory.create(FarewellModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
