import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { concat, NEVER, of, Subject } from 'rxjs';
import { Sse, SseClient, SseConnections, SseModule, SsePingService, type SseConnection } from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

const facts = new Facts();

@Controller()
class OptionsController {
  readonly subject = new Subject<string>();

  @Sse('module') module() {
    return of('a');
  }

  @Sse('retry', { retryMs: 7 }) retry() {
    return of('a');
  }

  @Sse('no-retry', { retryMs: false }) noRetry() {
    return of('a');
  }

  @Sse('crlf', { lineEnding: '\r\n', done: 'one\ntwo' }) crlf() {
    return of({ id: 1, data: 'a\nb' });
  }

  @Sse('cr', { lineEnding: '\r' }) cr() {
    return of('a\nb');
  }

  @Sse('serialize', { serialize: (data) => `<${String(data)}>` }) serialize() {
    return of({ data: 1n }, 'a string is text already', { data: new URL('https://a.b') });
  }

  @Sse('done', { done: '[DONE]' }) done() {
    return ['a'];
  }

  @Sse('done-nothing', { done: '[DONE]' }) doneNothing() {
    return [];
  }

  @Sse('done-failed', { done: '[DONE]' }) async *doneFailed() {
    yield 'a';
    throw new Error();
  }

  @Sse('first', { commit: 'firstEvent', ping: { intervalMs: 5 } }) first() {
    facts.tell('called');
    return this.subject;
  }

  @Sse('first-empty', { commit: 'firstEvent' }) firstEmpty() {
    return [];
  }

  @Sse('ping', { ping: { intervalMs: 5 } }) ping() {
    return NEVER;
  }

  @Sse('ping-pending', { ping: { intervalMs: 5 } }) async pingPending(@SseClient() client: SseConnection) {
    client.send('a');
    await facts.until('pinged');
    return ['b'];
  }

  @Sse('ping-event', { ping: { intervalMs: 5, event: () => ({ type: 'ping' }) } }) pingEvent() {
    return NEVER;
  }

  @Sse('no-ping', { ping: false }) noPing() {
    return concat(of('a'), NEVER);
  }
}

describe.each(platforms)('route options on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, {
      imports: [SseModule.forRoot({ retryMs: 100, ping: { intervalMs: 60_000 } })],
      controllers: [OptionsController],
    });
  });
  beforeEach(() => facts.forget());
  afterAll(() => running.app.close());

  const textOf = async (path: string) => {
    const client = await open(running, path);
    await client.rest();
    return client.text.replace('retry: 100\n\n', '');
  };

  it.each([
    ["retryMs: the module's, when a stream opens", '/module', 100],
    ["retryMs: the route's own", '/retry', 7],
    ['retryMs: none', '/no-retry', undefined],
  ])('%s', async (_, path, retry) => {
    const client = await open(running, path);
    await client.rest();
    expect(client.retry).toBe(retry);
  });

  it('lineEnding: for all that the library writes', async () => {
    const client = await open(running, '/crlf');
    await client.rest();
    expect(client.text).toBe('retry: 100\r\n\r\nid: 1\r\ndata: a\r\ndata: b\r\n\r\ndata: one\r\ndata: two\r\n\r\n');
    const other = await open(running, '/cr');
    await other.rest();
    expect(other.text).toBe('retry: 100\r\rdata: a\rdata: b\r\r');
  });

  it('serialize: for data that is no text', async () => {
    expect(await textOf('/serialize')).toBe('data: <1>\n\ndata: a string is text already\n\ndata: <https://a.b/>\n\n');
  });

  it('done: after the last event of a source that completed, and of no other', async () => {
    expect(await textOf('/done')).toBe('data: a\n\ndata: [DONE]\n\n');
    expect(await textOf('/done-nothing')).toBe('data: [DONE]\n\n');
    expect(await textOf('/done-failed')).toBe('data: a\n\nevent: error\ndata: Internal server error\n\n');
  });

  it('commit: firstEvent holds the headers until there is an event', async () => {
    const { subject } = running.app.get(OptionsController);
    let arrived = false;
    const answer = open(running, '/first').then((client) => {
      arrived = true;
      return client;
    });
    await facts.until('called');
    // A marker: another stream, asked for later, has its headers and was even pinged.
    const marker = await open(running, '/ping');
    await marker.until(({ comments }) => comments.length > 1);
    marker.leave();
    await until(() => running.app.get(SseConnections).size === 0);
    expect(arrived).toBe(false);
    subject.next('b');
    subject.complete();
    expect(await (await answer).rest()).toMatchObject([{ data: 'b' }]);
  });

  it('commit: firstEvent answers an empty stream when there is none', async () => {
    expect(await textOf('/first-empty')).toBe('');
  });

  it('ping: a comment, which clients do not see, to who has heard nothing for a while', async () => {
    const client = await open(running, '/ping');
    await client.until(({ comments }) => comments.length > 1);
    expect(client.text).toMatch(/^retry: 100\n\n(: \n\n)+$/);
    expect(running.app.get(SsePingService).sent).toBeGreaterThan(1);
    client.leave();
  });

  it('ping: also while the handler is still busy, when it has sent something', async () => {
    const client = await open(running, '/ping-pending');
    await client.until(({ comments }) => comments.length > 1);
    facts.tell('pinged');
    expect((await client.rest()).map(({ data }) => data)).toEqual(['a', 'b']);
  });

  it('ping: an event of the application', async () => {
    const client = await open(running, '/ping-event');
    expect(await client.event()).toMatchObject({ event: 'ping', data: '' });
    client.leave();
  });

  it('ping: false, none', async () => {
    const silent = await open(running, '/no-ping');
    const pinged = await open(running, '/ping');
    await pinged.until(({ comments }) => comments.length > 3);
    const [connection] = running.app.get(SseConnections);
    connection?.send('marker');
    expect(await silent.events(2)).toMatchObject([{ data: 'a' }, { data: 'marker' }]);
    expect(silent.comments).toEqual([]);
    for (const client of [silent, pinged]) client.leave();
    await until(() => running.app.get(SseConnections).size === 0);
  });
});
