import 'reflect-metadata';
import { Controller, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Sse, SseConnections, SseModule, SseShutdownService, SseSignal, type SseCloseReason } from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';

const facts = new Facts();

@Controller()
class ClosingController {
  @Sse('endless') async *endless() {
    yield 'one';
    await new Promise(() => {});
  }

  @Sse('cooperative', { done: '[DONE]' }) async *cooperative(@SseSignal() signal: AbortSignal) {
    yield 'one';
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    yield { type: 'saved', data: (signal.reason as SseCloseReason).code };
  }

  @Sse('own') own(@Res() response: ServerResponse & { raw?: ServerResponse }) {
    const raw = response.raw ?? response;
    raw.writeHead(200, { 'content-type': 'text/plain' });
    raw.write('by myself');
    facts.tell('sent');
    return new Promise(() => undefined);
  }

  @Sse('deaf') async *deaf(@SseSignal() signal: AbortSignal) {
    yield 'one';
    await new Promise(() => signal);
  }
}

describe.each(platforms)('shutdown on $name', (platform) => {
  const startWith = (shutdown: object) =>
    start(platform, { imports: [SseModule.forRoot({ shutdown })], controllers: [ClosingController] });

  const openOne = async (running: Running, path: string) => {
    const client = await open(running, path);
    await client.event();
    return client;
  };

  it('ends each stream cleanly, with the farewell and a retry of its own', async () => {
    const running = await startWith({ retryMs: { min: 100, max: 1_000_000 }, farewell: () => ({ type: 'bye' }) });
    const clients = await Promise.all(['/endless', '/endless', '/endless'].map((path) => openOne(running, path)));
    const [, ...rests] = await Promise.all([running.app.close(), ...clients.map((client) => client.rest())]);
    for (const rest of rests) expect(rest).toMatchObject([{ event: 'bye' }]);
    const retries = clients.map(({ retry }) => retry);
    expect(new Set(retries).size).toBe(3);
    for (const retry of retries) expect(retry).toBeGreaterThanOrEqual(100);
  });

  it('lets a handler with @SseSignal() say goodbye by itself', async () => {
    const running = await startWith({ retryMs: false });
    const client = await openOne(running, '/cooperative');
    const [rest] = await Promise.all([client.rest(), running.app.close()]);
    expect(rest.map(({ event, data }) => [event, data])).toEqual([
      ['saved', 'server_closing'],
      [undefined, '[DONE]'],
    ]);
  });

  it('ends all others when a handler has sent headers by itself, and leaves that one alone', async () => {
    const running = await startWith({ retryMs: { min: 7, max: 7 } });
    const own = await open(running, '/own');
    await facts.until('sent');
    const others = await Promise.all(['/endless', '/endless'].map((path) => openOne(running, path)));
    const shutdown = running.app.get(SseShutdownService).shutdown();
    for (const client of others) {
      expect(await client.rest()).toEqual([]);
      expect(client.retry).toBe(7);
    }
    await shutdown;
    expect(own.status).toBe(200);
    expect(own.headers['content-type']).toBe('text/plain');
    expect(running.app.get(SseConnections).size).toBe(0);
    await own.until(({ text }) => text === 'by myself');
    own.leave();
    await running.app.close();
  });

  it('ends a handler that does not listen when the grace period is over', async () => {
    const running = await startWith({ gracePeriodMs: 50 });
    const client = await openOne(running, '/deaf');
    const [rest] = await Promise.all([client.rest(), running.app.close()]);
    expect(rest).toEqual([]);
  });

  it('tells a client that comes meanwhile when to come back', async () => {
    const running = await startWith({ retryMs: { min: 7, max: 7 } });
    await running.app.get(SseShutdownService).shutdown();
    const client = await open(running, '/endless');
    expect(client.status).toBe(200);
    expect(client.headers['content-type']).toBe('text/event-stream');
    expect(await client.rest()).toEqual([]);
    expect(client.retry).toBe(7);
    expect(running.app.get(SseConnections).size).toBe(0);
    await running.app.close();
  });

  it('does not wait for ever for a client that does not read to the end', async () => {
    const running = await startWith({ gracePeriodMs: 50 });
    const client = await openOne(running, '/endless');
    await running.app.close();
    client.leave();
  });
});

it.each(platforms.filter(({ http2 }) => !http2))(
  'a shutdown with nothing to say ends the body once, on $name',
  async (platform) => {
    const running = await start(platform, {
      imports: [SseModule.forRoot({ shutdown: { retryMs: false } })],
      controllers: [ClosingController],
    });
    const client = await RawClient.open(running.url, get('/endless'));
    await client.readUntil('data: one\n\n\r\n');
    await running.app.close();
    expect((await client.readAll()).toString()).toBe('0\r\n\r\n');
  },
);
