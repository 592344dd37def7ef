import 'reflect-metadata';
import { Controller, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseModule, SseQueue, SseSignal } from 'nestjs-event-stream';
import { setTimeout as sleep } from 'node:timers/promises';

@Controller()
class LinesController {
  private readonly logger = new Logger('Lines');

  /** The consumer asks: each value is computed when the client has room for it. */
  @Sse('generator')
  async *generator(@SseSignal() signal: AbortSignal): AsyncIterable<string> {
    let n = 0;
    try {
      for (;;) {
        yield `line ${++n} ${'.'.repeat(50_000)}`;
        await sleep(10, undefined, { signal });
      }
    } finally {
      this.logger.log(`the generator has made ${n} lines`);
    }
  }

  /** The producer pushes: for code that calls you back. It waits while four events are in the queue. */
  @Sse('queue')
  queue(): SseQueue<string> {
    const queue = new SseQueue<string>({ maxEvents: 4 });
    void this.produce(queue);
    return queue;
  }

  private async produce(queue: SseQueue<string>): Promise<void> {
    let n = 0;
    // `false`: the client has left.
    while (await queue.send(`line ${++n} ${'.'.repeat(50_000)}`)) await sleep(10);
    this.logger.log(`the producer has made ${n} lines`);
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [LinesController] })
class QueueModule {}

const app = await NestFactory.create(QueueModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
