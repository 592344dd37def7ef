import { Logger } from '@nestjs/common';
import { open } from '../support/client.js';
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

  // The lease was not released when the store threw: `done` resolved, and produce() said running from then on.
  it.each([
    [
      'is out of memory for a moment',
      async () => {
        await server.command('CONFIG', 'SET', 'maxmemory', '1');
        await failed();
        await server.command('CONFIG', 'SET', 'maxmemory', '0');
      },
    ],
    [
      'is killed and comes back',
      async () => {
        await server.kill();
        await failed();
        await server.run();
      },
    ],
    ['loses everything', async () => void (await server.command('FLUSHALL'))],
  ])('ends for the readers of both nodes when Redis %s, and another can begin', async (how, harm) => {
    const production = await nodes[0]!.broadcaster.produce('answer', endless());
    const readers = await Promise.all(nodes.map((node) => node.follow('/feed/answer?from=earliest')));
    for (const reader of readers) await reader.events(10);
    await harm();
    // One that lost everything may go on in a new life: it is up to it.
    if (how === 'loses everything') await nodes[0]!.broadcaster.stop('answer');
    for (const reader of readers) {
      const events = await reader.rest();
      if (how !== 'loses everything') expect(events.at(-1)).toMatchObject({ event: 'error' });
    }
    await production.done;
    await produceAgain();
  });
});
