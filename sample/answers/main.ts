import 'reflect-metadata';
import {
  Body,
  ConflictException,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Logger,
  Module,
  NotFoundException,
  Param,
  Post,
  type INestApplication,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Sse,
  SseBroadcaster,
  SseError,
  SseModule,
  type SseEventLike,
  type SseProductionStatus,
  type SseSubscription,
} from 'nestjs-event-stream';
import { RedisBackplane } from 'nestjs-event-stream/redis';
import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tokensOf } from './model.js';

const { PORT = '3000', REDIS_URL } = process.env;
const page = readFileSync(new URL('./public/index.html', import.meta.url), 'utf8');

/** What is kept of an answer: first what was asked, so that every screen can show it, and then the tokens. */
async function* answer(prompt: string, signal: AbortSignal): AsyncIterable<SseEventLike> {
  yield { type: 'prompt', data: prompt };
  yield* tokensOf(prompt, signal);
}

@Controller()
class AnswersController {
  private readonly logger = new Logger('Answers');

  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  index(): string {
    return page;
  }

  /** Begins an answer that belongs to no request: it goes on whether or not anyone reads it. */
  @Post('answers')
  @HttpCode(202)
  async start(@Body() { id = randomUUID(), prompt }: { id?: string; prompt: string }): Promise<{ id: string }> {
    const channel = `answer.${id}`;
    // Whoever brings an id, and does not know whether the first try arrived, may try again.
    const refusal = new ConflictException(`the answer ${id} was begun already`);
    if (await this.broadcaster.exists(channel)) throw refusal;
    await this.broadcaster
      // `batch`: the tokens of 50 ms are stored as one event.
      .produce(channel, (signal) => answer(String(prompt), signal), { batch: true })
      .catch((error: unknown) => {
        // Another try was faster, here or on another node.
        throw error instanceof SseError && error.code === 'SSE_PRODUCER_RUNNING' ? refusal : error;
      });
    this.logger.log(`writes ${id}`);
    return { id };
  }

  /** From the first token, or after the last one that the client has. 204 when there is nothing, now or any more. */
  @Sse('answers/:id')
  async watch(@Param('id') id: string): Promise<SseSubscription | null> {
    const channel = `answer.${id}`;
    return (await this.broadcaster.exists(channel)) ? this.broadcaster.subscribe(channel, { from: 'earliest' }) : null;
  }

  /** Running, completed, failed (and why) or stopped. None: there was no such answer, or it is not kept any more. */
  @Get('answers/:id/status')
  async status(@Param('id') id: string): Promise<SseProductionStatus> {
    return await this.broadcaster.status(`answer.${id}`);
  }

  /** Aborts the signal, on whichever node. Who watches gets the tokens that there are, and the end. */
  @Delete('answers/:id')
  @HttpCode(204)
  async stop(@Param('id') id: string): Promise<void> {
    if (!(await this.broadcaster.stop(`answer.${id}`))) throw new NotFoundException(`no answer ${id} is being written`);
  }
}

@Module({
  imports: [
    SseModule.forRoot({
      backplane: REDIS_URL ? new RedisBackplane({ url: REDIS_URL, prefix: 'answers:' }) : undefined,
      // An answer can be read for ten minutes after its last token.
      history: { maxAgeMs: 600_000 },
      // A page whose connection is lost comes back after a second.
      retryMs: 1_000,
      // A node that is asked to end finishes its answers. Its readers go on with the other node meanwhile.
      shutdown: { productionsMs: 60_000 },
    }),
  ],
  controllers: [AnswersController],
})
class AnswersModule {}

/** One node, with its answers in memory. With Redis two, on the same port. */
async function begin(): Promise<INestApplication | undefined> {
  if (REDIS_URL && cluster.isPrimary) {
    cluster.fork();
    cluster.fork();
    return undefined;
  }
  const app = await NestFactory.create(AnswersModule);
  app.enableShutdownHooks();
  await app.listen(PORT);
  return app;
}

/** For the test. */
export const app = await begin();
