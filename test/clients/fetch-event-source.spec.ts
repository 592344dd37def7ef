import 'reflect-metadata';
import { fetchEventSource, type EventSourceMessage, type FetchEventSourceInit } from '@microsoft/fetch-event-source';
import { Body, Controller, Headers, RequestMethod, UnauthorizedException } from '@nestjs/common';
import { Sse, SseBroadcaster, SseConnections, SseModule, type SseRequest } from '../../lib/index.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';

interface Socketed extends SseRequest {
  readonly socket: { destroy(): void };
}

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('feed') feed(@Headers('authorization') authorization?: string) {
    if (authorization !== 'Bearer ann') throw new UnauthorizedException();
    return this.broadcaster.subscribe('orders');
  }

  @Sse('words', { method: RequestMethod.POST }) words(@Body() { text }: { text: string }) {
    return text.split(' ');
  }

  @Sse('nothing') nothing() {
    return null;
  }
}

// What docs/LLM.md says of it. It was written for browsers: it asks for a `window`, and for a `document` that is hidden or not.
describe.each(platforms.filter(({ http2 }) => !http2))('@microsoft/fetch-event-source, on $name', (platform) => {
  const facts = new Facts();
  let running: Running;

  beforeAll(async () => {
    Object.assign(globalThis, { window: globalThis, document: { removeEventListener: () => undefined } });
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [Feeds] });
  });
  beforeEach(() => facts.forget());
  afterAll(() => running.app.close());

  const read = (path: string, init: FetchEventSourceInit = {}) =>
    fetchEventSource(running.url + path, { openWhenHidden: true, fetch, ...init });
  const publish = (data: string) => running.app.get(SseBroadcaster).publish('orders', { type: 'created', data });
  const giveUp = (error: unknown) => {
    throw error;
  };

  it('sends headers, and goes on where it was when the connection was lost', async () => {
    const left = new AbortController();
    const seen: EventSourceMessage[] = [];
    const reading = read('/feed', {
      headers: { Authorization: 'Bearer ann' },
      signal: left.signal,
      onopen: () => Promise.resolve(facts.tell('open')),
      onmessage: (message) => {
        if (message.event !== 'created') return;
        seen.push(message);
        facts.tell(message.data);
      },
      onerror: () => 1,
    });
    await facts.until('open');
    await publish('one');
    await facts.until('one');
    facts.forget();
    for (const { request } of running.app.get(SseConnections)) (request as Socketed).socket.destroy();
    await publish('two');
    await facts.until('open');
    await publish('three');
    await facts.until('three');
    expect(seen.map(({ data }) => data)).toEqual(['one', 'two', 'three']);
    left.abort();
    await reading;
  });

  it('does not come back after a clean end, but when onclose throws', async () => {
    const words: string[] = [];
    const post: FetchEventSourceInit = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ text: 'to be' }),
      onmessage: ({ data }) => void words.push(data),
    };
    await read('/words', post);
    expect(words).toEqual(['to', 'be']);
    let ends = 0;
    const ended = read('/words', {
      ...post,
      onclose() {
        throw new Error('ended');
      },
      onerror: (error) => (++ends < 2 ? 1 : giveUp(error)),
    });
    await expect(ended).rejects.toThrow('ended');
    expect(words).toEqual(['to', 'be', 'to', 'be', 'to', 'be']);
  });

  it('takes 204 and 401 for errors, and tries again until onerror throws', async () => {
    for (const path of ['/nothing', '/feed']) {
      let tries = 0;
      const reading = read(path, { onerror: (error) => (++tries < 3 ? 1 : giveUp(error)) });
      await expect(reading).rejects.toThrow(/Expected content-type/);
      expect(tries).toBe(3);
    }
  });
});
