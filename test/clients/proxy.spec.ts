import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { Subject } from 'rxjs';
import { decodeEvents, Sse, SseConnections, SseModule, SseSignal, type SseEventInit } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

@Controller()
class Upstream {
  readonly subject = new Subject<SseEventInit>();

  @Sse('feed') feed() {
    return this.subject;
  }
}

let upstream: Running;

// As docs/SOURCES.md has it.
@Controller()
class Proxy {
  @Sse('proxy')
  async *proxy(@SseSignal() signal: AbortSignal) {
    const { body } = await fetch(`${upstream.url}/feed`, { signal });
    for await (const event of decodeEvents(body!)) if (event.type !== 'internal') yield event;
  }
}

describe.each(platforms)("a stream that passes another server's events on, on $name", (platform) => {
  let running: Running;
  beforeAll(async () => {
    upstream = await start(platforms[0]!, { imports: [SseModule.forRoot()], controllers: [Upstream] });
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [Proxy] });
  });
  afterAll(async () => {
    await running.app.close();
    await upstream.app.close();
  });

  it('sends what its upstream sends, with type, id and retry, but for what it leaves out', async () => {
    const { subject } = upstream.app.get(Upstream);
    const client = await open(running, '/proxy');
    await until(() => subject.observed);
    subject.next({ type: 'internal', data: 'not for you' });
    subject.next({ id: '7', type: 'created', data: { name: 'Ann\nBob' }, retry: 250 });
    expect(await client.event()).toEqual({ event: 'created', id: '7', data: '{"name":"Ann\\nBob"}' });
    expect(client.retry).toBe(250);
    subject.next({ data: 'two\nlines' });
    expect(await client.event()).toEqual({ data: 'two\nlines', event: undefined, id: undefined });
    client.leave();
    await until(() => !subject.observed && upstream.app.get(SseConnections).size === 0);
  });

  it('lets go of its upstream when its client leaves, also while nothing comes', async () => {
    const client = await open(running, '/proxy');
    const connections = upstream.app.get(SseConnections);
    await until(() => connections.size === 1);
    const [connection] = [...connections];
    client.leave();
    expect(await connection!.closed).toMatchObject({ code: 'client_left' });
  });
});
