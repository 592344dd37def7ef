import 'reflect-metadata';
import { Body, Controller, Logger, Module, RequestMethod } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseModule, SseResponse, SseSignal } from 'nestjs-event-stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** Stands in for a model: it takes a signal, and yields its tokens as it finds them. */
async function* generate(prompt: string, signal: AbortSignal): AsyncIterable<string> {
  for (const word of `You said ${prompt.trim()} and I have nothing to add to that`.split(' ')) {
    await sleep(100, undefined, { signal });
    yield `${word} `;
  }
}

@Controller()
class CompletionsController {
  private readonly logger = new Logger('Completions');

  // Headers wait for the first token: a model that refuses at once still answers with the status of its error.
  @Sse('completions', { method: RequestMethod.POST, commit: 'firstEvent', done: '[DONE]' })
  async complete(@Body() body: { prompt: string; stream?: boolean }, @SseSignal() signal: AbortSignal) {
    signal.addEventListener('abort', () => this.logger.log(`over: ${signal.reason.code}`));
    if (body.stream !== false) return this.events(generate(body.prompt, signal));
    let text = '';
    for await (const token of generate(body.prompt, signal)) text += token;
    return SseResponse.json({ text: text.trim() });
  }

  private async *events(tokens: AsyncIterable<string>) {
    for await (const text of tokens) yield { data: { text } };
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [CompletionsController] })
class LlmModule {}

const app = await NestFactory.create(LlmModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
