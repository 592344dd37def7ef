import 'reflect-metadata';
import { Controller, Logger } from '@nestjs/common';
import { Readable } from 'node:stream';
import { Observable, Subject } from 'rxjs';
import { map } from 'rxjs/operators';
import { ConnectionHub } from '../../lib/connection/connection-hub.js';
import {
  Sse,
  SseClient,
  SseConnections,
  SseModule,
  SseResponse,
  SseShutdownService,
  SseSignal,
  type SseConnection,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

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
class RacesController {
  readonly subject = new Subject<string>();

  @Sse('complete-twice') completeTwice() {
    return new Observable((subscriber) => {
      subscriber.next('a');
      subscriber.complete();
      subscriber.next('never');
      subscriber.complete();
      subscriber.error(new Error('never'));
    });
  }

  @Sse('rude') rude() {
    // What rxjs would hold back comes through: two ends, and events after them.
    return {
      subscribe(observer: { next(value: unknown): void; complete(): void; error(error: unknown): void }) {
        observer.next('a');
        observer.complete();
        observer.next('never');
        observer.complete();
      },
    };
  }

  @Sse('close-while-writing') async *closeWhileWriting(@SseClient() client: SseConnection) {
    yield 'a';
    client.send('b');
    client.close('first');
    client.close('second');
    facts.tell(client.send('never'));
    try {
      yield 'never';
    } finally {
      facts.tell('released');
    }
  }

  @Sse('close-in-map') closeInMap(@SseClient() client: SseConnection) {
    return this.subject.pipe(
      map((value) => {
        if (value === 'close') client.close();
        return value;
      }),
    );
  }

  @Sse('close-on-abort') async *closeOnAbort(@SseClient() client: SseConnection) {
    client.signal.addEventListener('abort', () => {
      facts.tell(client.send('never'));
      client.close('again');
    });
    yield 'a';
    client.close('once');
  }

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

  @Sse('pending') async pending(@SseSignal() signal: AbortSignal) {
    facts.tell('called');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    facts.tell('told');
    return heldReadable();
  }

  @Sse('both', { done: 'bye' }) both(@SseClient() client: SseConnection) {
    facts.tell('called');
    return new SseResponse(this.subject, { onClose: ({ code }) => facts.tell([code, client.signal.aborted]) });
  }

  @Sse('throws-in-finally') async *throwsInFinally(@SseSignal() signal: AbortSignal) {
    try {
      yield 'a';
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    } finally {
      await Promise.reject(new Error('in finally'));
    }
  }

  @Sse('finally') *finally() {
    try {
      for (;;) yield 'a';
    } finally {
      facts.tell('released');
      yield 'never';
    }
  }
}

describe.each(platforms)('races on $name', (platform) => {
  let running: Running;
  let hub: ConnectionHub;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  const startApp = async () => {
    running = await start(platform, {
      imports: [SseModule.forRoot({ shutdown: { retryMs: { min: 9, max: 9 } } })],
      controllers: [RacesController],
    });
    hub = running.app.get(ConnectionHub);
  };

  beforeEach(async () => {
    facts.forget();
    logged.mockClear();
    await startApp();
  });
  afterEach(async () => {
    expect(hub.all.size).toBe(0);
    await running.app.close();
  });

  const dataOf = async (path: string) => (await (await open(running, path)).rest()).map(({ data }) => data);
  const lastOf = <T>(values: Iterable<T>): T => {
    const last = [...values].at(-1);
    if (!last) throw new Error('there is none');
    return last;
  };

  it.each(['/complete-twice', '/rude'])(
    'of two ends the first counts, and nothing comes after it: %s',
    async (path) => {
      expect(await dataOf(path)).toEqual(['a']);
      expect(logged).not.toHaveBeenCalled();
    },
  );

  it('between close() and what is written: what came first is delivered, what comes after is not', async () => {
    const client = await open(running, '/close-while-writing');
    const { closed } = lastOf(hub.all);
    expect((await client.rest()).map(({ data }) => data)).toEqual(['a', 'b']);
    expect(facts.told).toEqual([false]);
    expect(await closed).toEqual({ code: 'kicked', reason: 'first' });
  });

  it('between close() and the event in whose making it is called', async () => {
    const client = await open(running, '/close-in-map');
    const { subject } = running.app.get(RacesController);
    subject.next('a');
    subject.next('close');
    expect(subject.observed).toBe(false);
    expect((await client.rest()).map(({ data }) => data)).toEqual(['a']);
  });

  it('between close() and what it calls itself', async () => {
    const client = await open(running, '/close-on-abort');
    const { closed } = lastOf(hub.all);
    expect((await client.rest()).map(({ data }) => data)).toEqual(['a']);
    expect(facts.told).toEqual([false]);
    expect(await closed).toMatchObject({ reason: 'once' });
  });

  it.each(['/kicked-before', '/kicked-later', '/kicked-first-event'])(
    'between close() and the headers: an empty stream, and the source is released: %s',
    async (path) => {
      const client = await open(running, path);
      expect(client.status).toBe(200);
      expect(client.headers['content-type']).toBe('text/event-stream');
      expect(await client.rest()).toEqual([]);
      await facts.until('destroyed');
      expect(running.app.get(SseConnections).closed).toEqual({ kicked: 1 });
    },
  );

  it('between close() and the failure of the handler', async () => {
    const client = await open(running, '/kicked-and-failed');
    expect(await client.rest()).toEqual([]);
    expect(client.status).toBe(200);
  });

  it('between an end without an answer and the headers: the client is cut off, not left to wait', async () => {
    await expect(open(running, '/cut-before').then((client) => client.rest())).rejects.toThrow();
    await facts.until('destroyed');
  });

  it('between an end as failed and the headers: the exception filters answer', async () => {
    const client = await open(running, '/failed-before');
    await client.rest();
    expect(client.status).toBe(500);
    await facts.until('destroyed');
  });

  it('between the shutdown and a handler: the client is told when to come back', async () => {
    const answer = open(running, '/pending');
    await facts.until('called');
    const shutdown = running.app.get(SseShutdownService).shutdown();
    const client = await answer;
    expect(await client.rest()).toEqual([]);
    expect(client.headers['content-type']).toBe('text/event-stream');
    expect(client.retry).toBe(9);
    await facts.until('destroyed');
    await shutdown;
  });

  it('between the client, the application and the source: one of them wins, everything is told once', async () => {
    const client = await open(running, '/both');
    const { subject } = running.app.get(RacesController);
    const connection = lastOf(hub.all);
    client.leave();
    connection.close();
    subject.complete();
    const reason = await connection.closed;
    expect(['kicked', 'client_left']).toContain(reason.code);
    expect(facts.told).toEqual(['called', [reason.code, true]]);
    expect(running.app.get(SseConnections).closed).toEqual({ [reason.code]: 1 });
  });

  it('between two applications of close() on all, while clients come and go', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => open(running, '/close-in-map')));
    const closed = [...hub.all].map((connection) => connection.closed);
    for (const [index, connection] of [...hub.all].entries()) if (index % 2) connection.close();
    for (const [index, client] of clients.entries()) if (index % 3) client.leave();
    for (const connection of hub.all) connection.close();
    await Promise.allSettled(clients.map((client) => client.rest()));
    expect(await Promise.all(closed)).toHaveLength(20);
  });

  it('between leaving and a generator whose finally fails: it is reported, once', async () => {
    const client = await open(running, '/throws-in-finally');
    await client.event();
    const connection = lastOf(hub.all);
    client.leave();
    await connection.closed;
    await until(() => logged.mock.calls.length > 0);
    expect(logged.mock.calls).toEqual([[new Error('in finally')]]);
  });

  it('between leaving and a generator that goes on in finally', async () => {
    const client = await open(running, '/finally');
    await client.event();
    const connection = lastOf(hub.all);
    client.leave();
    await connection.closed;
    await facts.until('released');
  });
});
