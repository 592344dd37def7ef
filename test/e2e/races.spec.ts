import 'reflect-metadata';
import { Controller, Logger } from '@nestjs/common';
import { Observable, Subject } from 'rxjs';
import { map } from 'rxjs/operators';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import {
  Sse,
  SseClient,
  SseConnections,
  SseModule,
  SseResponse,
  SseSignal,
  type SseConnection,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

const facts = new Facts();

/** The connection of the last request of some. */
let latest: SseConnection;

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
    latest = client;
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
    latest = client;
    client.signal.addEventListener('abort', () => {
      facts.tell(client.send('never'));
      client.close('again');
    });
    yield 'a';
    client.close('once');
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
  let registry: ConnectionRegistry;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  const startApp = async () => {
    running = await start(platform, {
      imports: [SseModule.forRoot()],
      controllers: [RacesController],
    });
    registry = running.app.get(ConnectionRegistry);
  };

  beforeEach(async () => {
    facts.forget();
    logged.mockClear();
    await startApp();
  });
  afterEach(async () => {
    expect(registry.all.size).toBe(0);
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
    expect((await client.rest()).map(({ data }) => data)).toEqual(['a', 'b']);
    await facts.until('released');
    expect(facts.told).toEqual([false, 'released']);
    expect(await latest.closed).toEqual({ code: 'kicked', reason: 'first' });
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
    expect((await client.rest()).map(({ data }) => data)).toEqual(['a']);
    expect(facts.told).toEqual([false]);
    expect(await latest.closed).toMatchObject({ reason: 'once' });
  });

  it('between the client, the application and the source: one of them wins, everything is told once', async () => {
    const client = await open(running, '/both');
    const { subject } = running.app.get(RacesController);
    const connection = lastOf(registry.all);
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
    const closed = [...registry.all].map((connection) => connection.closed);
    for (const [index, connection] of [...registry.all].entries()) if (index % 2) connection.close();
    for (const [index, client] of clients.entries()) if (index % 3) client.leave();
    for (const connection of registry.all) connection.close();
    await Promise.allSettled(clients.map((client) => client.rest()));
    expect(await Promise.all(closed)).toHaveLength(20);
  });

  it('between leaving and a generator whose finally fails: it is reported, once', async () => {
    const client = await open(running, '/throws-in-finally');
    await client.event();
    const connection = lastOf(registry.all);
    client.leave();
    await connection.closed;
    await until(() => logged.mock.calls.length > 0);
    expect(logged.mock.calls).toEqual([[new Error('in finally')]]);
  });

  it('between leaving and a generator that goes on in finally', async () => {
    const client = await open(running, '/finally');
    await client.event();
    const connection = lastOf(registry.all);
    client.leave();
    await connection.closed;
    await facts.until('released');
  });
});
