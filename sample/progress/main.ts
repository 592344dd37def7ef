import 'reflect-metadata';
import { Controller, HttpCode, Module, NotFoundException, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { LastEventId, Sse, SseModule, type SseEventInit } from 'nestjs-event-stream';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BehaviorSubject, map, takeWhile, type Observable } from 'rxjs';

@Controller('jobs')
class JobsController {
  /** A BehaviorSubject remembers its value: who joins late learns at once how far the job is. */
  private readonly jobs = new Map<string, BehaviorSubject<number>>();

  @Post()
  @HttpCode(202)
  start(): { id: string } {
    const id = randomUUID();
    const percent = new BehaviorSubject(0);
    this.jobs.set(id, percent);
    void this.work(percent);
    return { id };
  }

  @Sse(':id')
  watch(@Param('id') id: string, @LastEventId() lastEventId?: string): Observable<SseEventInit> | null {
    const percent = this.jobs.get(id);
    if (!percent) throw new NotFoundException(`no job ${id}`);
    // The browser came back after the end, as browsers do: 204 tells it that there is nothing more.
    if (lastEventId === '100') return null;
    return percent.pipe(
      // It never completes: a completed BehaviorSubject tells its last value to nobody.
      takeWhile((n) => n < 100, true),
      map((n) => ({ type: n < 100 ? 'progress' : 'done', id: n, data: { percent: n } })),
    );
  }

  private async work(percent: BehaviorSubject<number>): Promise<void> {
    while (percent.value < 100) {
      await sleep(200);
      percent.next(percent.value + 5);
    }
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [JobsController] })
class ProgressModule {}

const app = await NestFactory.create(ProgressModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
