import { BadGatewayException } from '@nestjs/common';
import { decodeEvents } from 'nestjs-event-stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** The tokens of an answer: those of a real model, if `OPENAI_BASE_URL` says where it is. No more when `signal` is aborted. */
export function tokensOf(prompt: string, signal: AbortSignal): AsyncIterable<string> {
  return process.env.OPENAI_BASE_URL ? complete(prompt, signal) : count(prompt, signal);
}

/** Stands in for a model. It counts, so that you would see a number that is missing, or that comes twice. */
async function* count(prompt: string, signal: AbortSignal): AsyncIterable<string> {
  const last = Number(/\d+/.exec(prompt)?.[0] ?? 400);
  for (let n = 1; n <= last; n++) {
    await sleep(30, undefined, { signal });
    yield `${n} `;
  }
  if (/\bfail\b/i.test(prompt)) throw new BadGatewayException('The model was asked to fail');
}

/** Any server that speaks OpenAI's chat completions. Clients are told what an HttpException says, and nothing else. */
async function* complete(prompt: string, signal: AbortSignal): AsyncIterable<string> {
  const { OPENAI_BASE_URL, OPENAI_API_KEY = '', MODEL = 'gpt-4o-mini' } = process.env;
  const response = await fetch(`${OPENAI_BASE_URL}/chat/completions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${OPENAI_API_KEY}` },
    body: JSON.stringify({ model: MODEL, stream: true, messages: [{ role: 'user', content: prompt }] }),
    signal,
  });
  if (!response.ok || !response.body) throw new BadGatewayException(`The model answered ${response.status}`);
  for await (const { data } of decodeEvents(response.body)) {
    if (data === '[DONE]') return;
    const { choices } = JSON.parse(data) as { choices?: { delta: { content?: string | null } }[] };
    if (!choices) throw new BadGatewayException('The model failed in the middle of its answer');
    const token = choices[0]?.delta.content;
    if (token) yield token;
  }
  throw new BadGatewayException('The model left in the middle of its answer');
}
