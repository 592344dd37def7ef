import 'reflect-metadata';
import { Body, Controller, HttpException, RequestMethod } from '@nestjs/common';
import OpenAI from 'openai';
import { Sse, SseModule, SseResponse, SseSignal } from '../../lib/index.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';

const facts = new Facts();

interface Prompt {
  model: string;
  stream?: boolean;
}

const chunk = (content: string) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'ours',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
});

@Controller('v1')
class CompletionsController {
  @Sse('chat/completions', {
    method: RequestMethod.POST,
    done: '[DONE]',
    errorEvent: (error) => ({ data: { error: { message: (error as Error).message } } }),
  })
  complete(@Body() { model, stream }: Prompt, @SseSignal() signal: AbortSignal): unknown {
    if (model === 'busy') throw new HttpException({ error: { message: 'slow down' } }, 429);
    if (!stream) return SseResponse.json({ id: 'chatcmpl-1', choices: [{ index: 0, message: { content: 'whole' } }] });
    return this.tokens(model, signal);
  }

  private async *tokens(model: string, signal: AbortSignal) {
    yield { data: chunk('Hel') };
    yield { data: chunk('lo') };
    if (model === 'broken') throw new Error('out of words');
    if (model === 'endless') {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      facts.tell('released');
    }
  }
}

// The SDK asks for `Accept: application/json` whether it streams or not, and its route is the one of docs/LLM.md.
describe.each(platforms.filter(({ http2 }) => !http2))('the openai package, on $name', (platform) => {
  let running: Running;
  let client: OpenAI;
  const messages = [{ role: 'user' as const, content: 'Hi' }];
  const ask = (model: string) => client.chat.completions.create({ model, messages, stream: true });

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [CompletionsController] });
    client = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'none', maxRetries: 0 });
  });
  beforeEach(() => facts.forget());
  afterAll(() => running.app.close());

  it('reads a stream to its [DONE]', async () => {
    const words: (string | null | undefined)[] = [];
    for await (const { choices } of await ask('ours')) words.push(choices[0]?.delta.content);
    expect(words).toEqual(['Hel', 'lo']);
  });

  it('gets one JSON answer from the same route when it asks for no stream', async () => {
    const { choices } = await client.chat.completions.create({ model: 'ours', messages });
    expect(choices[0]?.message.content).toBe('whole');
  });

  it('sees the status of what fails before the first token', async () => {
    await expect(ask('busy')).rejects.toThrow(OpenAI.RateLimitError);
  });

  it('throws what fails after it, when errorEvent has the form that it knows', async () => {
    const words: unknown[] = [];
    const read = async () => {
      for await (const { choices } of await ask('broken')) words.push(choices[0]?.delta.content);
    };
    await expect(read()).rejects.toThrow('out of words');
    expect(words).toEqual(['Hel', 'lo']);
  });

  it('releases the source when it stops reading', async () => {
    for await (const { choices } of await ask('endless')) if (choices[0]?.delta.content === 'lo') break;
    await facts.until('released');
  });
});
