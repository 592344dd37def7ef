import { HttpException } from '@nestjs/common';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { describeWith } from '../support/external.js';
import { useSample, type Change } from './sample.js';

describeWith('curl', 'sample/answers', () => {
  const sample = useSample('answers');

  it('is joined, left, resumed without a hole or a repeat, stopped, failed, and 204 when there is nothing', async () => {
    const asking = (prompt: string): Change => ['count to 100', prompt];
    const of = (id: string): Change => ['<id>', id];
    const ask = async (prompt: string) => (JSON.parse(await sample.ask(0, asking(prompt))) as { id: string }).id;
    const status = async (id: string) => JSON.parse(await sample.ask(4, of(id))) as unknown;
    const numbers = (last: number) => Array.from({ length: last }, (_, n) => `${n + 1} `).join('');
    /** What was asked and what was answered, of the events that are whole. Tokens that came together are one event. */
    const textOf = (output: string) =>
      Array.from(whole(output).matchAll(/^data: (.*)$/gm), ([, text]) => text).join('');
    const whole = (output: string) => output.slice(0, output.lastIndexOf('\n\n') + 2);
    const lastId = (output: string) => Array.from(whole(output).matchAll(/^id: (\S+)$/gm)).at(-1)![1]!;
    const noContent = /^HTTP\/1\.1 204 No Content/;

    const prompt = 'count to 30';
    const id = await ask(prompt);
    const left = sample.curl(1, of(id));
    await left.until(({ stdout }) => textOf(stdout).includes(' 3 '));
    await left.stop('SIGINT');
    // Nobody reads, and yet it is being written.
    const [resumed, all] = await Promise.all([
      sample.ask(2, of(id), ['<the last id you saw>', lastId(left.stdout)]),
      sample.ask(1, of(id)),
    ]);
    expect(textOf(left.stdout) + textOf(resumed)).toBe(prompt + numbers(30));
    expect(textOf(all)).toBe(prompt + numbers(30));
    expect(all).toContain('event: prompt\n');
    // Over, and still there for who comes late; who has all of it is told to stay away.
    expect(await status(id)).toEqual({ status: 'completed' });
    expect(textOf(await sample.ask(1, of(id)))).toBe(prompt + numbers(30));
    expect(await sample.ask(2, of(id), ['<the last id you saw>', lastId(all)])).toMatch(noContent);
    expect(await sample.ask(1, of('unknown'))).toMatch(noContent);
    expect(await status('unknown')).toEqual({ status: 'none' });

    // It would go on for the rest of the day.
    const endless = await ask('count to 9999999');
    const watching = sample.curl(1, of(endless));
    await watching.until(({ stdout }) => textOf(stdout).includes(' 3 '));
    expect(await status(endless)).toEqual({ status: 'running' });
    expect(await sample.ask(3, of(endless))).toMatch(noContent);
    expect(await watching.exited).toBe(0);
    expect(await status(endless)).toEqual({ status: 'stopped' });
    expect(textOf(await sample.ask(1, of(endless)))).toBe(textOf(watching.stdout));
    expect(await sample.ask(3, of(endless))).toMatch(/^HTTP\/1\.1 404 Not Found/);

    const failing = await ask('count to 3, then fail');
    const failed = await sample.ask(1, of(failing));
    expect(failed).toMatch(/data: .*3 \n/);
    expect(failed).toMatch(/event: error\nid: \S+\ndata: The model was asked to fail\n\n/);
    expect(await status(failing)).toEqual({ status: 'failed', message: 'The model was asked to fail' });
    await sample.says('The model was asked to fail');

    // Two at the same time, and one when it is over.
    const own: Change[] = [['{', '{"id":"a",'], asking('count to 3')];
    const both = await Promise.all([sample.ask(0, ...own), sample.ask(0, ...own)]);
    const refused = '{"message":"the answer a was begun already","error":"Conflict","statusCode":409}';
    expect(both.sort()).toEqual(['{"id":"a"}', refused]);
    expect(textOf(await sample.ask(1, of('a')))).toBe(`count to 3${numbers(3)}`);
    expect(await sample.ask(0, ...own)).toBe(refused);
  });

  it('reads a real model until [DONE], and one that has refused, failed or left has not completed', async () => {
    const { tokensOf } = await import('../../sample/answers/model.js');
    const chunk = (content: string | null) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
    const answers: Record<string, string> = {
      completes: `${chunk('')}${chunk('One ')}${chunk('two')}${chunk(null)}data: {"choices":[]}\n\ndata: [DONE]\n\n`,
      fails: `${chunk('One ')}data: {"error":{"message":"a secret"}}\n\n`,
      leaves: chunk('One '),
    };
    const asked: unknown[] = [];
    const server = createServer((request, response) => {
      void json(request).then((body) => {
        asked.push({ url: request.url, authorization: request.headers.authorization, body });
        const [{ content }] = (body as { messages: [{ content: string }] }).messages;
        response.writeHead(content in answers ? 200 : 429).end(answers[content]);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    Object.assign(process.env, { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, OPENAI_API_KEY: 'key', MODEL: 'm' });
    const read = async (prompt: string) => {
      const tokens: string[] = [];
      try {
        for await (const token of tokensOf(prompt, new AbortController().signal)) tokens.push(token);
      } catch (error) {
        return [...tokens, error instanceof HttpException && error.message];
      }
      return tokens;
    };
    try {
      expect(await read('completes')).toEqual(['One ', 'two']);
      expect(await read('fails')).toEqual(['One ', 'The model failed in the middle of its answer']);
      expect(await read('leaves')).toEqual(['One ', 'The model left in the middle of its answer']);
      expect(await read('refuses')).toEqual(['The model answered 429']);
      expect(asked[0]).toEqual({
        url: '/v1/chat/completions',
        authorization: 'Bearer key',
        body: { model: 'm', stream: true, messages: [{ role: 'user', content: 'completes' }] },
      });
    } finally {
      for (const name of ['OPENAI_BASE_URL', 'OPENAI_API_KEY', 'MODEL']) delete process.env[name];
      server.closeAllConnections();
      server.close();
    }
  });
});
