import 'reflect-metadata';
import { Controller, Get, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseClient, SseConnection, SseConnections, SseModule, SseResponse, SseSignal } from 'nestjs-event-stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { finalize, interval, type Observable } from 'rxjs';

@Controller()
class DisconnectController {
  private readonly logger = new Logger('Disconnect');

  constructor(private readonly connections: SseConnections) {}

  /** A generator: its `finally` runs, also while it waits in an `await`. Give the signal to whatever you wait for. */
  @Sse('generator')
  async *generator(@SseSignal() signal: AbortSignal): AsyncIterable<number> {
    try {
      for (let n = 0; ; n++) {
        yield n;
        await sleep(500, undefined, { signal });
      }
    } finally {
      this.logger.log('the generator has cleaned up');
    }
  }

  /** An Observable: it is unsubscribed. */
  @Sse('observable')
  observable(): Observable<number> {
    return interval(500).pipe(finalize(() => this.logger.log('the observable has cleaned up')));
  }

  /** The reason: who has ended the stream, and how much was sent. */
  @Sse('reason')
  reason(@SseClient() client: SseConnection): SseResponse {
    return new SseResponse(interval(500), {
      onClose: ({ code }) => this.logger.log(`${code} after ${client.eventsSent} events`),
    });
  }

  @Get('open')
  open(): number {
    return this.connections.size;
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [DisconnectController] })
class DisconnectModule {}

const app = await NestFactory.create(DisconnectModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
