import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { datasOf, Sample } from './sample.js';

// Each of the two has two nodes of its own: a client of one port never meets the nodes of the other.
describeWith('redis-server', 'sample/answers on several nodes', (path) => {
  let server: RedisServer;
  let here: Sample;
  let there: Sample;
  beforeAll(async () => {
    server = await RedisServer.start(path);
    [here, there] = [1, 2].map(() => new Sample('answers', () => ({ REDIS_URL: server.url }))) as [Sample, Sample];
    await Promise.all([here.start(), there.start()]);
  });
  afterAll(async () => {
    await Promise.all([here.stop(), there.stop()]);
    await server.stop();
  });

  const ask = async (prompt: string) => {
    const response = await fetch(`${here.url}/answers`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ prompt }),
    });
    return ((await response.json()) as { id: string }).id;
  };
  const statusOn = async (sample: Sample, id: string) =>
    (await (await fetch(`${sample.url}/answers/${id}/status`)).json()) as { status: string };

  /** What a client gets, until its text satisfies `isEnough` or the stream ends. Events that are not whole do not count. */
  async function read(sample: Sample, id: string, lastEventId = '', isEnough: (text: string) => boolean = () => false) {
    const left = new AbortController();
    const headers = lastEventId === '' ? undefined : { 'Last-Event-ID': lastEventId };
    const response = await fetch(`${sample.url}/answers/${id}`, { headers, signal: left.signal });
    let all = '';
    // It has no body when the client has all of it already.
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      all += chunk;
      if (isEnough(textOf(whole(all)))) break;
    }
    left.abort();
    const lastId = Array.from(whole(all).matchAll(/^id: (\S+)$/gm)).at(-1)?.[1] ?? lastEventId;
    return { events: whole(all), text: textOf(whole(all)), lastId };
  }
  const whole = (all: string) => all.slice(0, all.lastIndexOf('\n\n') + 2);
  const textOf = (events: string) => datasOf(events).join('');
  const numbers = (last: number) => Array.from({ length: last }, (_, n) => `${n + 1} `).join('');

  it('is read whole from both, and by one that goes from node to node in mid-answer', async () => {
    const prompt = 'count to 200';
    const id = await ask(prompt);
    const readers = Promise.all([read(here, id), read(there, id)]);
    const first = await read(there, id, '', (text) => text.includes(' 5 '));
    const second = await read(here, id, first.lastId, (text) => text !== '');
    const third = await read(there, id, second.lastId);
    expect(first.text + second.text + third.text).toBe(prompt + numbers(200));
    for (const { text } of await readers) expect(text).toBe(prompt + numbers(200));
    for (const sample of [here, there]) {
      expect(await statusOn(sample, id)).toEqual({ status: 'completed' });
      expect((await read(sample, id)).text).toBe(prompt + numbers(200));
    }
  });

  it('is stopped from the other one, for the readers of both', async () => {
    const id = await ask('count to 9999999');
    const readers = Promise.all([read(here, id), read(there, id)]);
    await read(there, id, '', (text) => text.includes(' 3 '));
    expect(await statusOn(there, id)).toEqual({ status: 'running' });
    expect((await fetch(`${there.url}/answers/${id}`, { method: 'DELETE' })).status).toBe(204);
    const [one, other] = await readers;
    expect(one.text).toBe(other.text);
    expect(one.text).toContain('1 2 3 ');
    for (const sample of [here, there]) expect(await statusOn(sample, id)).toEqual({ status: 'stopped' });
  });

  it('fails for the readers of the other one when its node is killed, behind all that was stored', async () => {
    const id = await ask('count to 9999999');
    await here.says(`writes ${id}`);
    const [, pid] = new RegExp(`^\\[Nest\\] (\\d+) .*writes ${id}`, 'm').exec(here.output)!;
    const reader = read(there, id);
    const before = await read(there, id, '', (text) => text.includes(' 3 '));
    process.kill(Number(pid), 'SIGKILL');
    const { events, text } = await reader;
    expect(text.startsWith(before.text)).toBe(true);
    expect(events).toMatch(/event: error\n[^]*\n\n$/);
    expect(await statusOn(there, id)).toMatchObject({ status: 'failed' });
    expect((await read(there, id)).text).toBe(text);
  });
});
