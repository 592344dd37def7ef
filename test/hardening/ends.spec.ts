import 'reflect-metadata';
import { Controller, UseInterceptors, type CallHandler } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { map, NEVER, Subject } from 'rxjs';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import type { Connection } from '../../lib/connection/connection.js';
import { Sse, SseClient, SseModule, SseQueue, SseShutdownService, type SseCloseCode } from '../../lib/index.js';
import { start, type Running } from '../support/platforms.js';
import { transports, type Peer, type Transport } from '../support/transports.js';
import { until } from '../support/until.js';

/** What no compression makes smaller, so that it fills the buffers of every transport. */
const PAYLOAD = randomBytes(75_000).toString('base64');
/** 12 MB: more than the kernel takes for a client that does not read. */
const EVENTS = 120;
const numbered = (number: number) => `${number} ${PAYLOAD}`;
const roomy = { buffer: { maxBytes: 100_000_000 } };

@Controller()
class Streams {
  readonly arrived: Connection[] = [];
  readonly subject = new Subject<string>();
  readonly queue = new SseQueue<string>({ maxEvents: 50 });

  @Sse('completed', { done: '[DONE]' }) *completed(@SseClient() connection: Connection) {
    this.arrived.push(connection);
    for (let number = 0; number < EVENTS; number++) yield numbered(number);
  }
  @Sse('failed') *failed(@SseClient() connection: Connection) {
    yield* this.completed(connection);
    throw new Error('at the very end');
  }
  @Sse('open', roomy) open(@SseClient() connection: Connection) {
    this.arrived.push(connection);
    return NEVER;
  }
  @Sse('queued') queued(@SseClient() connection: Connection) {
    this.arrived.push(connection);
    return this.queue;
  }
  @Sse('mapped')
  @UseInterceptors({
    intercept: (_: unknown, next: CallHandler) => next.handle().pipe(map((text) => `mapped ${text}`)),
  })
  mapped(@SseClient() connection: Connection) {
    return this.queued(connection);
  }
  @Sse('outrun', { buffer: { maxBytes: 65_536 } }) outrun(@SseClient() connection: Connection) {
    this.arrived.push(connection);
    return this.subject;
  }
  @Sse('dead', { ...roomy, writeTimeoutMs: 300 }) dead(@SseClient() connection: Connection) {
    return this.open(connection);
  }
  @Sse('slow', { ...roomy, writeTimeoutMs: 3_000 }) slow(@SseClient() connection: Connection) {
    return this.open(connection);
  }
}

/** What stands around one stream. */
interface Scene {
  readonly running: Running;
  readonly streams: Streams;
  readonly connection: Connection;
}

/** Sends far more than the client takes. @returns the numbers that were accepted */
const sendMany = ({ connection }: Scene) => {
  const accepted: number[] = [];
  for (let number = 0; number < EVENTS; number++) if (connection.send(numbered(number))) accepted.push(number);
  expect(accepted).toHaveLength(EVENTS);
  return accepted;
};

/** Fills the queue until it says no, whatever the client takes meanwhile. */
const fillQueue = async ({ connection, streams: { queue } }: Scene) => {
  const accepted: number[] = [];
  for (let number = 0; connection.isWritable || queue.length < 50; number++) {
    if (queue.trySend(numbered(number))) accepted.push(number);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(queue.trySend('too much')).toBe(false);
  return accepted;
};

const all = () => Array.from({ length: EVENTS }, (_, number) => number);

/** What was accepted is delivered, then the body ends cleanly, with these last words. */
const graceful: [code: SseCloseCode, path: string, (scene: Scene) => number[] | Promise<number[]>, last: RegExp][] = [
  ['source_completed', '/completed', all, /^data: \[DONE\]\n\n$/],
  ['source_failed', '/failed', all, /^event: error\ndata: .*\n\n$/],
  ['kicked', '/open', (scene) => ending(scene, sendMany(scene), 'kicked'), /^$/],
  [
    'unauthorized',
    '/open',
    async (scene) => {
      // Only who has been sent everything is told: what waits must not leave any more.
      await until(() => scene.connection.pendingBytes === 0);
      return ending(scene, [], 'unauthorized');
    },
    /^event: unauthorized\ndata: .*\n\n$/,
  ],
  ['lifetime_over', '/open', (scene) => ending(scene, sendMany(scene), 'lifetime_over'), /^$/],
  ['server_closing', '/open', (scene) => ending(scene, sendMany(scene), 'server_closing'), /^retry: \d+\n\n$/],
  ['kicked', '/queued', async (scene) => ending(scene, await fillQueue(scene), 'kicked'), /^$/],
  ['lifetime_over', '/queued', async (scene) => ending(scene, await fillQueue(scene), 'lifetime_over'), /^$/],
  [
    'server_closing',
    '/queued',
    async (scene) => ending(scene, await fillQueue(scene), 'server_closing'),
    /^retry: \d+\n\n$/,
  ],
];

function ending(scene: Scene, accepted: number[], code: SseCloseCode): number[] {
  if (code === 'server_closing') void scene.running.app.get(SseShutdownService).shutdown();
  else scene.connection.close({ code });
  return accepted;
}

/** What the server gives up looks like it. */
const cut: [code: SseCloseCode, path: string, act: (scene: Scene, peer: Peer) => unknown][] = [
  [
    'slow_client',
    '/outrun',
    async ({ connection, streams: { subject } }) => {
      for (let number = 0; connection.state === 'open'; number++) {
        subject.next(numbered(number));
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  ],
  [
    'unauthorized',
    '/dead',
    (scene) => {
      sendMany(scene);
      scene.connection.close({ code: 'unauthorized' });
    },
  ],
  ['write_timeout', '/dead', sendMany],
  [
    'write_timeout',
    '/dead',
    (scene) => {
      sendMany(scene);
      // Also while the rest of a stream that was ended in good order waits for the client.
      scene.connection.close();
    },
  ],
];

describe.each(transports)('every end, over $name', (transport: Transport) => {
  let running: Running;
  let way: Awaited<ReturnType<Transport['ready']>>;
  beforeEach(async () => {
    running = await start(
      transport.platform,
      { imports: [SseModule.forRoot({ ping: false })], controllers: [Streams] },
      (app) => transport.configure?.(app),
    );
    way = await transport.ready(running);
  });
  afterEach(async () => {
    await way.stop();
    await running.app.close();
  });

  const begin = async (path: string) => {
    const opened = way.open(path);
    const streams = running.app.get(Streams);
    await until(() => streams.arrived.at(-1)?.state !== undefined && streams.arrived.at(-1)!.state !== 'opening');
    const connection = streams.arrived.at(-1)!;
    return { scene: { running, streams, connection }, peer: await opened, left: watchListeners(connection) };
  };

  it.each(graceful)(
    '%s of %s: what was accepted is delivered, and then it ends cleanly',
    async (code, path, act, last) => {
      const { scene, peer, left } = await begin(path);
      const accepted = await act(scene);
      const { text, isClean } = await peer.rest();
      expect(isClean).toBe(true);
      const whole = accepted.map((number) => `data: ${numbered(number)}\n\n`).join('');
      expect(text.slice(0, whole.length) === whole).toBe(true);
      expect(text.slice(whole.length)).toMatch(last);
      expect(await scene.connection.closed).toMatchObject({ code });
      await left(running);
    },
  );

  it.each(cut)('%s of %s: does not look like a clean end', async (code, path, act) => {
    const { scene, peer, left } = await begin(path);
    await act(scene, peer);
    expect(await scene.connection.closed).toMatchObject({ code });
    expect(await peer.rest()).toMatchObject({ isClean: false });
    await left(running);
  });

  it('client_left: everything is given back', async () => {
    const { scene, peer, left } = await begin('/open');
    sendMany(scene);
    await peer.read(100_000);
    peer.leave();
    expect(await scene.connection.closed).toMatchObject({ code: 'client_left' });
    await left(running);
  });

  it('kicked in the turn in which the queue took an event: it is delivered', async () => {
    const { scene, peer } = await begin('/queued');
    const { queue } = scene.streams;
    const waits = [queue.trySend('first'), await queue.send('second'), queue.trySend('third')];
    scene.connection.close();
    expect([...waits, queue.trySend('late'), await queue.send('late')]).toEqual([true, true, true, false, false]);
    expect(await peer.rest()).toEqual({ text: 'data: first\n\ndata: second\n\ndata: third\n\n', isClean: true });
  });

  it('kicked while the queue of a route with interceptors holds events: they are mapped and delivered', async () => {
    const { scene, peer } = await begin('/mapped');
    const accepted = await fillQueue(scene);
    scene.connection.close();
    const { text, isClean } = await peer.rest();
    expect(text === accepted.map((number) => `data: mapped ${numbered(number)}\n\n`).join('')).toBe(true);
    expect(isClean).toBe(true);
  });
});

describe('one event of 12 MB', () => {
  const event = PAYLOAD.repeat(EVENTS);
  const read = async (transport: Transport) => {
    const running = await start(
      transport.platform,
      { imports: [SseModule.forRoot({ ping: false })], controllers: [Streams] },
      (app) => transport.configure?.(app),
    );
    const way = await transport.ready(running);
    const opened = way.open('/slow');
    const { arrived } = running.app.get(Streams);
    await until(() => arrived[0]?.state === 'open');
    const peer = await opened;
    const [connection] = arrived as [Connection];
    connection.send(event);
    connection.close();
    // As a slow link moves: evenly, and for twice as long as a dead one is waited for.
    const durationMs = 6_000;
    const startedAt = performance.now();
    for (let asked = 0, isMore = true; isMore && asked < event.length;) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      const due = Math.ceil(((performance.now() - startedAt) / durationMs) * event.length);
      isMore = await peer.read(due - asked);
      asked = due;
    }
    // Each read takes a little more than was due; that it took longer than a dead one is waited for is what counts.
    expect(performance.now() - startedAt).toBeGreaterThan(3_500);
    const { text, isClean } = await peer.rest();
    const { code } = await connection.closed;
    await way.stop();
    await running.app.close();
    return { isWhole: text === `data: ${event}\n\n`, isClean, code };
  };

  // All at once: each of them only waits.
  const results = new Map<string, ReturnType<typeof read>>();
  beforeAll(() => {
    for (const transport of transports) {
      const result = read(transport);
      // Whoever waits for it is told.
      result.catch(() => undefined);
      results.set(transport.name, result);
    }
  });

  it.each(transports)('arrives at a client that reads steadily but slowly, over $name', async ({ name }) => {
    expect(await results.get(name)).toEqual({ isWhole: true, isClean: true, code: 'kicked' });
  });
});

/** @returns what proves, after the end, that no timer and no listener of the connection is left */
function watchListeners(connection: Connection): (running: Running) => Promise<void> {
  const { writer } = connection as unknown as { writer: { res: ServerResponse; stream?: EventEmitter } };
  const { res, stream } = writer;
  const { socket } = res;
  return async ({ app }) => {
    const registry = app.get(ConnectionRegistry);
    await until(() => registry.all.size === 0);
    const { watched, timer } = (
      registry as unknown as { stalls: { watched: Map<unknown, unknown>; timer: { isRunning: boolean } } }
    ).stalls;
    expect([watched.size, timer.isRunning]).toEqual([0, false]);
    // Node listens to each socket and each stream for its responses, and compression() to each response for its own stream.
    expect((stream ?? socket)!.listenerCount('drain')).toBeLessThanOrEqual(1);
    expect(res.listeners('drain').filter(({ name }) => name !== 'onResponseDrain')).toEqual([]);
  };
}
