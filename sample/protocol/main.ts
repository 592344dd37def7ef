import 'reflect-metadata';
import { Body, Controller, HttpCode, Logger, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { defineChannel, Sse, SseBroadcaster, SseModule, type SseSubscription } from 'nestjs-event-stream';
import { setTimeout as sleep } from 'node:timers/promises';

interface Request {
  /** The client's own. Each answer has it, so several requests can be under way at once. */
  id: string;
  method: 'sum';
  params: number[];
}

/** What the server answers: the type of the event says what it holds. The compiler checks each publish. */
interface Answers {
  progress: { id: string; percent: number };
  result: { id: string; result: number };
  error: { id: string; message: string };
}

const sessionOf = (name: string) => defineChannel<Answers>(`session.${name}`);

@Controller('sessions/:session')
class ProtocolController {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  /** All answers of a session. A guard would check whose session it is. */
  @Sse()
  answers(@Param('session') session: string): SseSubscription {
    return this.broadcaster.subscribe(sessionOf(session));
  }

  /** Takes a request. The answers arrive on the stream. */
  @Post()
  @HttpCode(202)
  async ask(@Param('session') session: string, @Body() { id, method, params }: Request): Promise<void> {
    const channel = sessionOf(session);
    if (method !== 'sum') {
      await this.broadcaster.publish(channel, { type: 'error', data: { id, message: `no method ${String(method)}` } });
      return;
    }
    void this.sum(params, (percent) => this.broadcaster.publish(channel, { type: 'progress', data: { id, percent } }))
      .then((result) => this.broadcaster.publish(channel, { type: 'result', data: { id, result } }))
      .catch((error: unknown) => Logger.error(error));
  }

  /** Stands in for work that takes a while. */
  private async sum(numbers: number[], tell: (percent: number) => Promise<unknown>): Promise<number> {
    let sum = 0;
    for (const [done, n] of numbers.entries()) {
      await tell(Math.round((100 * done) / numbers.length));
      await sleep(300);
      sum += n;
    }
    return sum;
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [ProtocolController] })
class ProtocolModule {}

const app = await NestFactory.create(ProtocolModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
