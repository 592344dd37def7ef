import { Logger } from '@nestjs/common';
import { SseShutdownService } from '../../lib/index.js';
import { Gate } from '../channels/gates.js';
import { open, type Client } from '../support/client.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';
import { startRedisApp, type RedisApp } from './two-apps.js';

describeWith('redis-server', 'what is produced into a channel on Redis, by one of two nodes,', (path) => {
  let server: RedisServer;
  let nodes: RedisApp[];
  /** Resolves when the production has failed: that is logged. */
  const failed = () => until(() => logged.mock.calls.length > 0, 'the production has failed');
  let logged: jest.SpyInstance;
  beforeEach(async () => {
    logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    server = await RedisServer.start(path, { aof: true });
    nodes = await Promise.all([1, 2].map(() => startRedisApp({ url: server.url })));
  });
  afterEach(async () => {
    await Promise.all(nodes.map(({ running }) => running.app.close()));
    await server.stop();
    jest.restoreAllMocks();
  });
  /** Goes on until it is told to stop. */
  const endless = async function* () {
    for (let n = 0; ; n++) {
      yield `token ${n}`;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const produceAgain = async () => {
    const again = await nodes[1]!.broadcaster.produce('answer', ['anew']);
    await again.done;
    const late = await nodes[0]!.follow('/feed/answer?from=earliest');
    expect((await late.rest()).map(({ data }) => data)).toEqual(['anew']);
  };

  it('is kept from its first event, for who comes late to either node', async () => {
    const production = await nodes[0]!.broadcaster.produce(
      'answer',
      (function* () {
        for (let n = 0; n < 3_000; n++) yield `token ${n}`;
      })(),
    );
    const joined = await nodes[1]!.follow('/feed/answer?from=earliest');
    const expected = Array.from({ length: 3_000 }, (_, n) => `token ${n}`);
    expect((await joined.rest()).map(({ data }) => data)).toEqual(expected);
    await production.done;
    for (const node of nodes) {
      const late = await node.follow('/feed/answer?from=earliest');
      expect((await late.rest()).map(({ data }) => data)).toEqual(expected);
    }
  });

  // Each publish trims by its own settings: the production lost its first events.
  it('is kept from its first event also when the other node publishes into it', async () => {
    const tokens = Array.from({ length: 1_500 }, (_, n) => `token ${n}`);
    let goOn!: () => void;
    const told = new Promise<void>((resolve) => (goOn = resolve));
    const production = await nodes[0]!.broadcaster.produce(
      'answer',
      (async function* () {
        yield* tokens;
        await told;
        yield 'the last';
      })(),
    );
    const joined = await nodes[1]!.follow('/feed/answer?from=earliest');
    await joined.events(tokens.length);
    await nodes[1]!.broadcaster.publish('answer', 'a note');
    goOn();
    await production.done;
    for (const node of nodes) {
      const late = await node.follow('/feed/answer?from=earliest');
      expect((await late.rest()).map(({ data }) => data)).toEqual([...tokens, 'a note', 'the last']);
    }
    joined.leave();
  });

  // The headers left before the store had said that there was nothing more: the client got 200, and came again.
  it('is answered 204 to who has all of it, also by a node that does not know the channel yet', async () => {
    const production = await nodes[0]!.broadcaster.produce('answer', ['one']);
    await production.done;
    const client = await nodes[0]!.follow('/feed/answer?from=earliest');
    await client.rest();
    const id = [...client.text.matchAll(/^id: (.+)$/gm)].at(-1)![1]!;
    for (const node of [nodes[1]!, nodes[0]!, nodes[1]!]) {
      const again = await open(node.running, '/feed/answer', { headers: { 'Last-Event-ID': id } });
      expect([again.status, again.text]).toEqual([204, '']);
    }
  });

  it('opens a stream for who comes back while Redis is away', async () => {
    const { id } = await nodes[0]!.broadcaster.publish('orders', 'one');
    server.pause();
    try {
      const again = await open(nodes[1]!.running, '/feed/orders', { headers: { 'Last-Event-ID': id } });
      expect(again.status).toBe(200);
      server.resume();
      await until(() => nodes[1]!.broadcaster.subscribers('orders') === 1);
      await nodes[1]!.broadcaster.publish('orders', 'two', { key: 'two' });
      expect(await again.event()).toMatchObject({ data: 'two' });
      again.leave();
    } finally {
      server.resume();
    }
  });

  const readersOf = (channel: string) =>
    Promise.all(nodes.map((node) => node.follow(`/feed/${channel}?from=earliest`)));
  const textsOf = (events: readonly { data: string }[]) => events.map(({ data }) => data);
  const numbered = (count: number) => Array.from({ length: count }, (_, n) => `token ${n}`);

  /** Resolves when Redis takes nothing more. */
  const refused = async () => {
    const ask = (): Promise<void> =>
      nodes[1]!.broadcaster.publish('another', 'x').then(
        () => ask(),
        () => undefined,
      );
    await ask();
  };

  // Each of these failed the answer, and before that the lease was not released.
  it.each([
    [
      'is out of memory for a moment',
      async () => {
        await server.command('CONFIG', 'SET', 'maxmemory', '1');
        await refused();
        await server.command('CONFIG', 'SET', 'maxmemory', '0');
      },
    ],
    [
      'is killed and comes back',
      async () => {
        await server.kill();
        await refused();
        await server.run();
      },
    ],
  ])('goes on when Redis %s: no token is lost, or there twice, on either node', async (_, harm) => {
    // Its lease is longer than Redis is away.
    const patient = await startRedisApp({ url: server.url, producerTtlMs: 60_000 });
    nodes.push(patient);
    const gate = new Gate();
    const production = await patient.broadcaster.produce('answer', async function* () {
      for (const [n, token] of numbered(400).entries()) {
        if (n === 100) await gate.pass();
        yield token;
      }
    });
    const readers = await readersOf('answer');
    for (const reader of readers) await reader.events(100);
    const harmed = harm();
    gate.open();
    await harmed;
    await production.done;
    expect(await nodes[1]!.broadcaster.status('answer')).toEqual({ status: 'completed' });
    for (const reader of readers) expect(textsOf(await reader.rest())).toEqual(numbered(400).slice(100));
    for (const late of await readersOf('answer')) expect(textsOf(await late.rest())).toEqual(numbered(400));
    await produceAgain();
  });

  // It completed, and who came late read its rest without a word of what was missing.
  it.each([
    ['everything', () => server.command('FLUSHALL')],
    ['its stream', () => server.command('DEL', 'sse:{answer}')],
  ])('fails for the readers of both nodes when Redis loses %s, and another can begin', async (_, harm) => {
    const gate = new Gate();
    const production = await nodes[0]!.broadcaster.produce('answer', async function* () {
      yield* numbered(10);
      await gate.pass();
      yield* ['a rest', 'that looks whole'];
    });
    const readers = await readersOf('answer');
    for (const reader of readers) await reader.events(10);
    await harm();
    gate.open();
    await production.done;
    for (const reader of readers) expect((await reader.rest()).at(-1)).toMatchObject({ event: 'error' });
    for (const { broadcaster } of nodes) {
      expect(await broadcaster.status('answer')).toEqual({ status: 'failed', message: 'Internal server error' });
    }
    for (const late of await readersOf('answer')) {
      expect((await late.rest()).map(({ event, data }) => event ?? data)).toEqual(['error']);
    }
    expect(logged.mock.calls.flat()).toContainEqual(expect.objectContaining({ code: 'SSE_PRODUCTION_LOST' }));
    await produceAgain();
  });

  it('fails when Redis loses everything while its source says nothing', async () => {
    await nodes[0]!.broadcaster.produce('answer', () => new Promise(() => undefined));
    const [reader] = (await readersOf('answer')) as [Client];
    await server.command('FLUSHALL');
    expect((await reader.rest()).at(-1)).toMatchObject({ event: 'error' });
    expect(await nodes[1]!.broadcaster.status('answer')).toMatchObject({ status: 'failed' });
  });

  it('fails when Redis is away for longer than it may be, and its end is stored when it is back', async () => {
    const [node] = nodes as [RedisApp];
    const impatient = await startRedisApp({ url: server.url }, { productions: { unavailableMs: 500 } });
    nodes.push(impatient);
    const production = await impatient.broadcaster.produce('answer', endless());
    const reader = await node.follow('/feed/answer?from=earliest');
    await reader.events(10);
    await server.kill();
    await failed();
    await server.run();
    await production.done;
    expect((await reader.rest()).at(-1)).toMatchObject({ event: 'error' });
    expect(await node.broadcaster.status('answer')).toEqual({ status: 'failed', message: 'Internal server error' });
  });

  it('is stopped from the other node: its signal is aborted, and its end is stored when that answers', async () => {
    let signal!: AbortSignal;
    await nodes[0]!.broadcaster.produce('answer', (given: AbortSignal) => {
      signal = given;
      return endless();
    });
    const [, other] = nodes as [RedisApp, RedisApp];
    expect(await other.broadcaster.status('answer')).toEqual({ status: 'running' });
    expect(await other.broadcaster.stop('answer')).toBe(true);
    expect(signal.aborted).toBe(true);
    for (const { broadcaster } of nodes) expect(await broadcaster.status('answer')).toEqual({ status: 'stopped' });
    expect(await other.broadcaster.stop('answer')).toBe(false);
    expect(await other.broadcaster.stop('never produced')).toBe(false);
    await produceAgain();
    expect(await other.broadcaster.status('answer')).toEqual({ status: 'completed' });
  });

  it('is in as few entries as its batches, in the order of its tokens', async () => {
    const production = await nodes[0]!.broadcaster.produce('answer', numbered(10_000), {
      batch: { ms: 60_000, events: 100 },
    });
    await production.done;
    // The beginning, the first token, a hundred batches and the end.
    expect(await server.command('XLEN', 'sse:{answer}')).toBe(':103\r\n');
    for (const late of await readersOf('answer')) {
      expect(textsOf(await late.rest()).join('')).toBe(numbered(10_000).join(''));
    }
  });

  // The signal named the channel alone.
  it('is not stopped by a signal that was sent for the one before it', async () => {
    const [here, there] = nodes as [RedisApp, RedisApp];
    await here.broadcaster.produce('answer', endless());
    const { producer } = await there.backplane.producing('answer');
    await here.broadcaster.stop('answer');
    await here.broadcaster.produce('answer', endless());
    await here.broadcaster.produce('marker', endless());
    const channel = 'answer';
    for (const stop of [{ channel, producer }, { channel }, { channel, producer: null }]) {
      await there.backplane.signal(JSON.stringify({ stop }));
    }
    expect(await there.broadcaster.stop('marker')).toBe(true);
    expect(await there.broadcaster.status('answer')).toEqual({ status: 'running' });
    expect(await there.broadcaster.stop('answer')).toBe(true);
  });

  it('finishes while its node shuts down, for readers that went to the other one', async () => {
    const gate = new Gate();
    const production = await nodes[0]!.broadcaster.produce('answer', async function* () {
      yield 'before';
      await gate.pass();
      yield 'after';
    });
    const reader = await nodes[0]!.follow('/feed/answer?from=earliest');
    const closing = nodes[0]!.running.app.get(SseShutdownService).shutdown();
    expect(textsOf(await reader.rest())).toEqual(['before']);
    const elsewhere = await nodes[1]!.follow('/feed/answer?from=earliest');
    gate.open();
    await production.done;
    expect(textsOf(await elsewhere.rest())).toEqual(['before', 'after']);
    await closing;
    expect(await nodes[1]!.broadcaster.status('answer')).toEqual({ status: 'completed' });
  });

  it('fails when it does not finish while its node shuts down', async () => {
    const hasty = await startRedisApp({ url: server.url }, { shutdown: { gracePeriodMs: 5_000, productionsMs: 50 } });
    nodes.push(hasty);
    await hasty.broadcaster.produce('answer', endless());
    await hasty.running.app.get(SseShutdownService).shutdown();
    expect(await nodes[0]!.broadcaster.status('answer')).toMatchObject({ status: 'failed' });
  });
});
