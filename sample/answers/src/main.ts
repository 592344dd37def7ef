import 'reflect-metadata';
import {
  Body,
  ConflictException,
  Controller,
  Delete,
  HttpCode,
  Module,
  NotFoundException,
  Param,
  Post,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseBroadcaster, SseError, SseModule, type SseEventLike, type SseSubscription } from 'nestjs-event-stream';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** Stands in for a model. It ends when it is told to: `stop()` aborts its signal while it waits for its next token. */
async function* generate(prompt: string, signal: AbortSignal): AsyncIterable<SseEventLike> {
  for (const word of `You said ${prompt.trim()} and I have nothing to add to that`.split(' ')) {
    await sleep(200, undefined, { signal });
    yield { data: { text: `${word} ` } };
  }
  yield { type: 'done', data: '' };
}

@Controller('answers')
class AnswersController {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  /** Begins an answer that belongs to no request: it goes on whether or not anyone reads it. */
  @Post()
  @HttpCode(202)
  async start(@Body() { id = randomUUID(), prompt }: { id?: string; prompt: string }): Promise<{ id: string }> {
    const channel = `answer.${id}`;
    // Whoever brings an id, and does not know whether the first try arrived, may try again.
    const refusal = new ConflictException(`the answer ${id} was begun already`);
    if (await this.broadcaster.exists(channel)) throw refusal;
    await this.broadcaster
      .produce(channel, (signal) => generate(prompt, signal))
      .catch((error: unknown) => {
        // Another try was faster, here or on another node.
        throw error instanceof SseError && error.code === 'SSE_PRODUCER_RUNNING' ? refusal : error;
      });
    return { id };
  }

  /** From the first token, or after the last one that the client has. 204 when there is nothing, now or any more. */
  @Sse(':id')
  async watch(@Param('id') id: string): Promise<SseSubscription | null> {
    const channel = `answer.${id}`;
    return (await this.broadcaster.exists(channel)) ? this.broadcaster.subscribe(channel, { from: 'earliest' }) : null;
  }

  /** No more tokens are computed; who watches gets those that were, and the end. */
  @Delete(':id')
  @HttpCode(204)
  async stop(@Param('id') id: string): Promise<void> {
    if (!(await this.broadcaster.stop(`answer.${id}`))) throw new NotFoundException(`no answer ${id} is being written`);
  }
}

// An answer can be read for ten minutes after its last token.
@Module({ imports: [SseModule.forRoot({ history: { maxAgeMs: 600_000 } })], controllers: [AnswersController] })
class AnswersModule {}

/** For the test. */
export const app = await NestFactory.create(AnswersModule);
await app.listen(process.env.PORT ?? 3000);
