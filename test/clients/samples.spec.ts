import 'reflect-metadata';
import { HttpException, type INestApplication } from '@nestjs/common';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { SseConnections } from '../../lib/index.js';
import { describeWith } from '../support/external.js';
import { Program } from '../support/program.js';

const samples = {
  llm: () => import('../../sample/llm/src/main.js'),
  progress: () => import('../../sample/progress/src/main.js'),
  answers: () => import('../../sample/answers/src/main.js'),
  notifications: () => import('../../sample/notifications/src/main.js'),
};

describeWith('curl', 'a sample does what its README says', () => {
  let app: INestApplication | undefined;
  /** The lines for curl in the README, in their order. */
  let commands: string[];
  let log = '';

  /** Starts what the README says to start, on a free port. */
  async function begin(name: keyof typeof samples): Promise<void> {
    process.env.PORT = '0';
    ({ app } = await samples[name]());
    const { port } = new URL(await app!.getUrl());
    const readme = readFileSync(fileURLToPath(new URL(`../../sample/${name}/README.md`, import.meta.url)), 'utf8');
    commands = (readme.match(/^ {4}curl .+$/gm) ?? []).map((line) =>
      line.trim().replace('localhost:3000', `localhost:${port}`),
    );
    // Ten lines, a heading and the blank ones between.
    expect(
      readme
        .trim()
        .split('\n')
        .filter((line) => line !== '').length,
    ).toBeLessThanOrEqual(10);
  }

  const run = (at: number, ...changes: [string, string][]) => {
    const command = changes.reduce((line, [from, to]) => line.replace(from, to), commands[at] ?? 'false');
    return new Program('/bin/sh', ['-c', command.replace('curl ', 'exec curl --silent --max-time 100 ')]);
  };

  async function output(at: number, ...changes: [string, string][]): Promise<string> {
    const program = run(at, ...changes);
    expect(await program.exited).toBe(0);
    return program.stdout;
  }

  beforeEach(() => {
    log = '';
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((log += String(text))));
  });
  afterEach(async () => {
    await app?.close();
    app = undefined;
    jest.restoreAllMocks();
  });

  it('llm: tokens, [DONE], JSON on demand, and an end when nobody reads', async () => {
    await begin('llm');
    const text = 'You said hello and I have nothing to add to that';
    const frames = text.split(' ').map((word) => `data: ${JSON.stringify({ text: `${word} ` })}\n\n`);
    const [streamed, plain] = await Promise.all([output(0), output(1)]);
    expect(streamed).toBe(`${frames.join('')}data: [DONE]\n\n`);
    expect(plain).toBe(JSON.stringify({ text }));

    const abandoned = run(0);
    await abandoned.until(({ stdout }) => stdout.includes('said'));
    const [connection] = app!.get(SseConnections);
    await abandoned.stop('SIGINT');
    await connection!.closed;
    expect(abandoned.stdout).not.toContain('[DONE]');
    expect(log).toMatch(/over: client_left/);
  });

  it('progress: early and late watchers, the end, and 204 after it', async () => {
    await begin('progress');
    const { id } = JSON.parse(await output(0)) as { id: string };
    const early = run(1, ['<id>', id]);
    await early.until(({ stdout }) => stdout.includes('{"percent":10}'));
    const late = run(1, ['<id>', id]);
    expect([await early.exited, await late.exited]).toEqual([0, 0]);
    const percents = (text: string) => Array.from(text.matchAll(/"percent":(\d+)/g), ([, n]) => Number(n));
    expect(percents(early.stdout)).toEqual(Array.from({ length: 21 }, (_, n) => n * 5));
    // It knows at once what the other one knew then.
    expect(percents(late.stdout)[0]).toBeGreaterThanOrEqual(10);
    expect(early.stdout).toMatch(/event: done\nid: 100\ndata: \{"percent":100\}\n\n$/);
    expect(await output(2, ['<id>', id])).toMatch(/^HTTP\/1\.1 204 No Content/);
    expect(await output(2, ['<id>', 'unknown'])).toMatch(/^HTTP\/1\.1 404 Not Found/);
  });

  it('answers: joined, left, resumed without a hole or a repeat, stopped, failed, and 204 when there is nothing', async () => {
    await begin('answers');
    const asking = (prompt: string): [string, string] => ['count to 100', prompt];
    const of = (id: string): [string, string] => ['<id>', id];
    const ask = async (prompt: string) => (JSON.parse(await output(0, asking(prompt))) as { id: string }).id;
    const status = async (id: string) => JSON.parse(await output(4, of(id))) as unknown;
    const numbers = (last: number) => Array.from({ length: last }, (_, n) => `${n + 1} `).join('');
    /** What was asked and what was answered, of the events that are whole. Tokens that came together are one event. */
    const textOf = (output: string) =>
      Array.from(whole(output).matchAll(/^data: (.*)$/gm), ([, text]) => text).join('');
    const whole = (output: string) => output.slice(0, output.lastIndexOf('\n\n') + 2);
    const lastId = (output: string) => Array.from(whole(output).matchAll(/^id: (\S+)$/gm)).at(-1)![1]!;
    const noContent = /^HTTP\/1\.1 204 No Content/;

    const prompt = 'count to 30';
    const id = await ask(prompt);
    const left = run(1, of(id));
    await left.until(({ stdout }) => textOf(stdout).includes(' 3 '));
    await left.stop('SIGINT');
    // Nobody reads, and yet it is being written.
    const [resumed, all] = await Promise.all([
      output(2, of(id), ['<the last id you saw>', lastId(left.stdout)]),
      output(1, of(id)),
    ]);
    expect(textOf(left.stdout) + textOf(resumed)).toBe(prompt + numbers(30));
    expect(textOf(all)).toBe(prompt + numbers(30));
    expect(all).toContain('event: prompt\n');
    // Over, and still there for who comes late; who has all of it is told to stay away.
    expect(await status(id)).toEqual({ status: 'completed' });
    expect(textOf(await output(1, of(id)))).toBe(prompt + numbers(30));
    expect(await output(2, of(id), ['<the last id you saw>', lastId(all)])).toMatch(noContent);
    expect(await output(1, of('unknown'))).toMatch(noContent);
    expect(await status('unknown')).toEqual({ status: 'none' });

    // It would go on for the rest of the day.
    const endless = await ask('count to 9999999');
    const watching = run(1, of(endless));
    await watching.until(({ stdout }) => textOf(stdout).includes(' 3 '));
    expect(await status(endless)).toEqual({ status: 'running' });
    expect(await output(3, of(endless))).toMatch(noContent);
    expect(await watching.exited).toBe(0);
    expect(await status(endless)).toEqual({ status: 'stopped' });
    expect(textOf(await output(1, of(endless)))).toBe(textOf(watching.stdout));
    expect(await output(3, of(endless))).toMatch(/^HTTP\/1\.1 404 Not Found/);

    const errors = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const failing = await ask('count to 3, then fail');
    const failed = await output(1, of(failing));
    expect(failed).toMatch(/data: .*3 \n/);
    expect(failed).toMatch(/event: error\nid: \S+\ndata: The model was asked to fail\n\n/);
    expect(await status(failing)).toEqual({ status: 'failed', message: 'The model was asked to fail' });
    expect(errors).toHaveBeenCalledWith(expect.stringContaining('The model was asked to fail'));

    // Two at the same time, and one when it is over.
    const own: [string, string][] = [['{', '{"id":"a",'], asking('count to 3')];
    const both = await Promise.all([output(0, ...own), output(0, ...own)]);
    const refused = '{"message":"the answer a was begun already","error":"Conflict","statusCode":409}';
    expect(both.sort()).toEqual(['{"id":"a"}', refused]);
    expect(textOf(await output(1, of('a')))).toBe(`count to 3${numbers(3)}`);
    expect(await output(0, ...own)).toBe(refused);
  });

  it('answers: a real model is read until [DONE], and one that has refused, failed or left has not completed', async () => {
    const { tokensOf } = await import('../../sample/answers/src/model.js');
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

  it('notifications: each user hears his own', async () => {
    await begin('notifications');
    const ann = run(0);
    // What Bob is told comes first: had Ann heard it, it would stand before her own.
    while ((await output(2)) !== '{"listening":1}');
    const [connection] = app!.get(SseConnections);
    expect(await output(1)).toBe('{"listening":1}');
    await ann.until(({ stdout }) => stdout.endsWith('\n\n'));
    expect(ann.stdout).toBe('event: notification\ndata: {"text":"hello"}\n\n');
    await ann.stop('SIGINT');
    await connection!.closed;
    expect(log).toMatch(/ann: the client left/);
  });
});
