import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { Readable } from 'node:stream';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import {
  Sse,
  SseClient,
  SseConnections,
  SseModule,
  SseShutdownService,
  SseSignal,
  type SseConnection,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';

const facts = new Facts();

const heldReadable = () =>
  new Readable({
    read: () => facts.tell('read'),
    destroy: (error, done) => {
      facts.tell('destroyed');
      done(error);
    },
  });

@Controller()
class EndingController {
  @Sse('kicked-before') kickedBefore(@SseClient() client: SseConnection) {
    client.close();
    return heldReadable();
  }

  @Sse('kicked-later') async kickedLater(@SseClient() client: SseConnection) {
    await new Promise(setImmediate);
    client.close();
    facts.tell(client.send('never'));
    await new Promise(setImmediate);
    return heldReadable();
  }

  @Sse('kicked-first-event', { commit: 'firstEvent' }) kickedFirstEvent(@SseClient() client: SseConnection) {
    setImmediate(() => client.close());
    return heldReadable();
  }

  @Sse('kicked-and-failed') async kickedAndFailed(@SseClient() client: SseConnection) {
    client.close();
    throw new Error('nobody waits for it');
  }

  @Sse('cut-before') cutBefore(@SseClient() client: SseConnection) {
    client.close({ code: 'slow_client' });
    return heldReadable();
  }

  @Sse('failed-before') failedBefore(@SseClient() client: SseConnection) {
    client.close({ code: 'source_failed', reason: 'out of tokens' });
    return heldReadable();
  }

  @Sse('pending') async pending() {
    facts.tell('called');
    await facts.until('the server closes');
    return heldReadable();
  }

  @Sse('polite') async polite(@SseSignal() signal: AbortSignal) {
    facts.tell('called');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return ['goodbye'];
  }
}

describe.each(platforms)('an end before the headers, on $name', (platform) => {
  let running: Running;

  beforeEach(async () => {
    facts.forget();
    running = await start(platform, {
      imports: [SseModule.forRoot({ shutdown: { retryMs: { min: 9, max: 9 } } })],
      controllers: [EndingController],
    });
  });
  afterEach(async () => {
    expect(running.app.get(ConnectionRegistry).all.size).toBe(0);
    await running.app.close();
  });

  it.each(['/kicked-before', '/kicked-later', '/kicked-first-event'])(
    'by close(): an empty stream, and the source is released: %s',
    async (path) => {
      const client = await open(running, path);
      expect(client.status).toBe(200);
      expect(client.headers['content-type']).toBe('text/event-stream');
      expect(await client.rest()).toEqual([]);
      await facts.until('destroyed');
      expect(running.app.get(SseConnections).closed).toEqual({ kicked: 1 });
    },
  );

  it('by close(), and then the handler fails: an empty stream all the same', async () => {
    const client = await open(running, '/kicked-and-failed');
    expect(await client.rest()).toEqual([]);
    expect(client.status).toBe(200);
  });

  it('by a code that gives the client up: it is cut off, not left to wait', async () => {
    await expect(open(running, '/cut-before').then((client) => client.rest())).rejects.toThrow();
    await facts.until('destroyed');
  });

  it('by the code of a failure: the exception filters answer', async () => {
    const client = await open(running, '/failed-before');
    await client.rest();
    expect(client.status).toBe(500);
    await facts.until('destroyed');
  });

  it('by the shutdown: the client is told when to come back', async () => {
    const answer = open(running, '/pending');
    await facts.until('called');
    await running.app.get(SseShutdownService).shutdown();
    const client = await answer;
    expect(await client.rest()).toEqual([]);
    expect(client.headers['content-type']).toBe('text/event-stream');
    expect(client.retry).toBe(9);
    facts.tell('the server closes');
    await facts.until('destroyed');
  });

  it('by the shutdown, with a handler that takes the signal: it may answer', async () => {
    const answer = open(running, '/polite');
    await facts.until('called');
    const shutdown = running.app.get(SseShutdownService).shutdown();
    const client = await answer;
    expect((await client.rest()).map(({ data }) => data)).toEqual(['goodbye']);
    expect(client.retry).toBe(9);
    await shutdown;
  });
});
