import 'reflect-metadata';
import { jest } from '@jest/globals';
import { HttpException, Logger } from '@nestjs/common';
import OpenAI from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { open } from '../support/client.js';
import { run } from '../support/paper-app.js';
import { platforms, type Platform } from '../support/platforms.js';
import { AnsweringNodes, cutsOf, describeNodes, isBeginning, TEXT, WORDS, type Model } from './apps/answering-nodes.js';

const page = ['class OpenAiController', 'OpenAiController'] as const;

/** Nodes of one spec, stopped however it ends. */
const started: AnsweringNodes[] = [];
async function begin(platform?: Platform): Promise<AnsweringNodes> {
  const nodes = await AnsweringNodes.start(...page, { platform });
  started.push(nodes);
  return nodes;
}
afterEach(async () => {
  for (const nodes of started.splice(0)) await nodes.stop();
});
const messages = [{ role: 'user' as const, content: 'Hi' }];

const clientOf = ({ url }: { url: string }) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
const ask = (client: OpenAI) => client.chat.completions.create({ model: 'ours', messages, stream: true });

/** What a client has of an answer when it ends, and what it was told of the end. */
async function readChat(client: OpenAI, onWord?: (words: number) => void) {
  const words: string[] = [];
  let finish: string | null = null;
  try {
    for await (const { choices } of await ask(client)) {
      finish = choices[0]!.finish_reason;
      if (choices[0]!.delta.content) words.push(choices[0]!.delta.content);
      onWord?.(words.length);
    }
  } catch (error) {
    return { text: words.join(''), finish, error };
  }
  return { text: words.join(''), finish };
}

// The code of docs/LLM.md. The SDK asks for `Accept: application/json` whether it streams or not.
describe.each(platforms.filter(({ http2 }) => !http2))(
  'chat completions of the openai package, on $name',
  (platform) => {
    let nodes: AnsweringNodes;
    let client: OpenAI;

    beforeAll(async () => {
      nodes = await AnsweringNodes.start(...page, { platform });
      client = clientOf(nodes);
    });
    beforeEach(() => {
      nodes.model.free();
      jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    });
    afterAll(() => nodes.stop());

    it('are read to their [DONE]', async () => {
      expect(await readChat(client)).toEqual({ text: TEXT, finish: 'stop' });
    });

    it('are one JSON answer, from the same route, without `stream`', async () => {
      const { choices } = await client.chat.completions.create({ model: 'ours', messages });
      expect(choices[0]?.message.content).toBe(TEXT);
    });

    it('have the status of what fails before the first token', async () => {
      nodes.model.hold();
      nodes.model.fail(new HttpException({ error: { message: 'slow down' } }, 429));
      await expect(ask(client)).rejects.toThrow(OpenAI.RateLimitError);
    });

    it.each([
      [new HttpException('The model left', 502), 'The model left'],
      [new Error('a secret'), 'Internal server error'],
    ])('throw what fails after it: %s', async (failure, message) => {
      nodes.model.hold();
      nodes.model.say(2);
      const { text, finish, error } = await readChat(client, (words) => words === 2 && nodes.model.fail(failure));
      expect([text, finish]).toEqual([WORDS.slice(0, 2).join(''), null]);
      expect(error).toBeInstanceOf(OpenAI.APIError);
      expect((error as Error).message).toBe(message);
    });

    it.each(['break', 'abort'])('abort the signal of the handler: %s', async (how) => {
      nodes.model.hold();
      nodes.model.say();
      const stream = await ask(client);
      for await (const { choices } of stream) {
        expect(choices[0]!.delta.content).toBe(WORDS[0]);
        if (how === 'break') break;
        stream.controller.abort();
      }
      await nodes.model.facts.until('released');
    });

    // It cannot resume. It must not take a part for the whole.
    it('throw when they are cut, wherever that is', async () => {
      for (const { events, bytes } of cutsOf(WORDS.length + 2, 10)) {
        nodes.front.cutNext(events, bytes);
        const { text, error } = await readChat(client);
        expect([events, bytes, text, isBeginning(text, events)]).toEqual([events, bytes, text, true]);
        expect([events, bytes, error]).toMatchObject([events, bytes, { message: 'terminated' }]);
      }
    });

    it('end without a finish_reason when the server is restarted, and nothing is thrown', async () => {
      const restarted = await begin(platform);
      restarted.model.hold();
      restarted.model.say(2);
      let stopped: Promise<void> | undefined;
      const end = await readChat(clientOf(restarted), (words) => {
        if (words === 2) stopped ??= restarted.nodes[0]!.app.close();
      });
      expect(end).toEqual({ text: WORDS.slice(0, 2).join(''), finish: null });
      await stopped;
      await restarted.front.stop();
    });
  },
);

// SDKs of models end their streams without a word when they are aborted. `done` would say that this was all.
it('a restart of the server is no [DONE]', async () => {
  const nodes = await begin();
  nodes.model.hold();
  nodes.model.say(2);
  const body = { model: 'ours', messages, stream: true };
  const client = await open({ url: nodes.url, http2: false }, '/v1/chat/completions', { method: 'POST', body });
  await client.events(2);
  const stopped = nodes.nodes[0]!.app.close();
  expect(await client.rest()).toEqual([]);
  await stopped;
});

it('is a model of docs/LLM.md, whose answer is whole or fails', async () => {
  const nodes = await begin();
  Object.assign(process.env, { OPENAI_BASE_URL: `${nodes.url}/v1`, OPENAI_API_KEY: 'none' });
  const { Llm } = run('docs/LLM.md', 'class Llm ', { openai: { default: OpenAI } }) as { Llm: new () => Model };
  const llm = new Llm();
  for (const name of ['OPENAI_BASE_URL', 'OPENAI_API_KEY']) delete process.env[name];
  const words: string[] = [];
  for await (const word of llm.tokens(messages)) words.push(word);
  expect(words).toEqual(WORDS);

  nodes.model.hold();
  nodes.model.say(2);
  const aborter = new AbortController();
  const read = async () => {
    for await (const word of llm.tokens(messages, aborter.signal)) if (word === WORDS[1]) aborter.abort();
  };
  await expect(read()).rejects.toThrow('The model left in the middle of its answer');
  await nodes.model.facts.until('released');
});

describeNodes('responses of the openai package', page, (nodes) => {
  let client: OpenAI;
  const input = 'Hi';
  const create = () => client.responses.create({ model: 'ours', input, stream: true });
  const textOf = (events: readonly ResponseStreamEvent[]) =>
    events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');
  /** Reads on, as far as that goes. @returns why not to the end */
  async function read(stream: AsyncIterable<ResponseStreamEvent>, into: ResponseStreamEvent[]): Promise<unknown> {
    try {
      for await (const event of stream) into.push(event);
    } catch (error) {
      return error;
    }
    return undefined;
  }
  const idOf = ([first]: readonly ResponseStreamEvent[]) => (first as { response: { id: string } }).response.id;

  beforeEach(() => {
    client = clientOf(nodes());
    jest.spyOn(Logger.prototype, 'error').mockReturnValue();
  });

  it('are put together by its stream()', async () => {
    const response = await client.responses.stream({ model: 'ours', input }).finalResponse();
    expect(response).toMatchObject({ status: 'completed', output_text: TEXT });
  });

  it('are whole, and nothing of them comes twice, wherever they are cut', async () => {
    const numbers = Array.from({ length: WORDS.length + 4 }, (_, index) => index);
    let resumed = 0;
    for (const { events: count, bytes } of cutsOf(numbers.length)) {
      nodes().front.cutNext(count, bytes);
      const events: ResponseStreamEvent[] = [];
      expect(await read(await create(), events)).toMatchObject({ message: 'terminated' });
      expect(events.length).toBeLessThanOrEqual(count);
      // Without the first event there is no id to ask for.
      if (events.length === 0) continue;
      resumed++;
      const starting_after = events.at(-1)!.sequence_number;
      expect(await read(await client.responses.retrieve(idOf(events), { stream: true, starting_after }), events)).toBe(
        undefined,
      );
      expect(events.map(({ sequence_number }) => sequence_number)).toEqual(numbers);
      expect(textOf(events)).toBe(TEXT);
      expect(events.at(-1)).toMatchObject({ type: 'response.completed' });
    }
    expect(resumed).toBeGreaterThan(0);
  });

  it('go on when their reader aborts, until they are cancelled', async () => {
    const { model } = nodes();
    model.hold();
    model.say(2);
    const events: ResponseStreamEvent[] = [];
    const stream = await create();
    for await (const event of stream) {
      events.push(event);
      if (textOf(events) === WORDS.slice(0, 2).join('')) break;
    }
    model.say();
    const again = await client.responses.retrieve(idOf(events), {
      stream: true,
      starting_after: events.at(-1)!.sequence_number,
    });
    for await (const event of again) {
      events.push(event);
      if (textOf(events) === WORDS.slice(0, 3).join('')) break;
    }
    await client.responses.cancel(idOf(events));
    await model.facts.until('released');
  });

  it('throw what fails in their middle, for who is there and for who comes back', async () => {
    const { model } = nodes();
    model.hold();
    model.say(2);
    const events: ResponseStreamEvent[] = [];
    let failure: unknown;
    try {
      for await (const event of await create()) {
        events.push(event);
        if (textOf(events) === WORDS.slice(0, 2).join('')) model.fail(new HttpException('The model left', 502));
      }
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({ message: 'The model left' });
    const again = await client.responses.retrieve(idOf(events), {
      stream: true,
      starting_after: events.at(-1)!.sequence_number,
    });
    expect(await read(again, events)).toMatchObject({ message: 'The model left' });
    expect(textOf(events)).toBe(WORDS.slice(0, 2).join(''));
  });

  it('throw where a part of them is lost', async () => {
    const events: ResponseStreamEvent[] = [];
    await read(await create(), events);
    // A position that nobody knows any more, as after the loss of the store.
    const headers = { 'last-event-id': 'of-another-life' };
    const again = await client.responses.retrieve(idOf(events), { stream: true, starting_after: 3 }, { headers });
    expect(await read(again, [])).toMatchObject({ message: 'A part of the answer is lost' });
  });

  it('are not found when they were never asked for', async () => {
    await expect(client.responses.retrieve('none', { stream: true })).rejects.toThrow(OpenAI.NotFoundError);
  });
});
