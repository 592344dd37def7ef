import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import { readFileSync } from 'node:fs';
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
    const { port } = new URL(await app.getUrl());
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

  it('answers: joined, left, resumed without a hole or a repeat, stopped, and 204 when there is nothing', async () => {
    await begin('answers');
    const words = 'You said hello and I have nothing to add to that'.split(' ');
    const texts = (output: string) => Array.from(output.matchAll(/"text":"(\S+) "/g), ([, text]) => text);
    const lastId = (output: string) => Array.from(output.matchAll(/^id: (\S+)$/gm)).at(-1)![1]!;
    const { id } = JSON.parse(await output(0)) as { id: string };

    const left = run(1, ['<id>', id]);
    await left.until(({ stdout }) => stdout.includes('hello') && stdout.endsWith('\n\n'));
    await left.stop('SIGINT');
    // Nobody reads, and yet it is being written.
    const [resumed, whole] = await Promise.all([
      output(2, ['<id>', id], ['<the last id you saw>', lastId(left.stdout)]),
      output(1, ['<id>', id]),
    ]);
    expect([...texts(left.stdout), ...texts(resumed)]).toEqual(words);
    expect(texts(whole)).toEqual(words);
    expect(whole).toMatch(/event: done\n/);
    // Over, and still there for who comes late; who has all of it is told to stay away.
    expect(texts(await output(1, ['<id>', id]))).toEqual(words);
    const noContent = /^HTTP\/1\.1 204 No Content/;
    expect(await output(2, ['<id>', id], ['<the last id you saw>', lastId(resumed)])).toMatch(noContent);
    expect(await output(1, ['<id>', 'unknown'])).toMatch(noContent);

    const second = JSON.parse(await output(0)) as { id: string };
    const watching = run(1, ['<id>', second.id]);
    await watching.until(({ stdout }) => stdout.includes('hello'));
    expect(await output(3, ['<id>', second.id])).toMatch(noContent);
    expect(await watching.exited).toBe(0);
    expect(watching.stdout).not.toContain('event: done');
    expect(await output(3, ['<id>', second.id])).toMatch(/^HTTP\/1\.1 404 Not Found/);

    // Two at the same time, and one when it is over.
    const own: [string, string] = ['{', '{"id":"a",'];
    const both = await Promise.all([output(0, own), output(0, own)]);
    const refused = '{"message":"the answer a was begun already","error":"Conflict","statusCode":409}';
    expect(both.sort()).toEqual(['{"id":"a"}', refused]);
    expect(texts(await output(1, ['<id>', 'a']))).toEqual(words);
    expect(await output(0, own)).toBe(refused);
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
