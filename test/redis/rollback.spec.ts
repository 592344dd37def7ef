import type { SsePublishSettings } from '../../lib/backplane/backplane.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { comparePositions } from '../../lib/redis/stream-position.js';
import { BackplaneLog } from '../support/backplane-log.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const settings: SsePublishSettings = { history: { maxEvents: 1_000, maxBytes: 10_000_000, maxAgeMs: 300_000 } };
const channel = 'orders';

/** A node, and everything that it was told in order. */
interface Node {
  readonly link: TcpProxy;
  readonly backplane: RedisBackplane;
  readonly log: BackplaneLog;
}

describeWith('redis-server', 'when Redis comes back with older data', (path) => {
  let server: RedisServer;
  const nodes: Node[] = [];

  beforeEach(async () => {
    server = await RedisServer.start(path);
  });
  afterEach(async () => {
    await Promise.all(nodes.map(({ backplane }) => backplane.close()));
    await Promise.all(nodes.splice(0).map(({ link }) => link.close()));
    await server.stop();
  });

  async function join(): Promise<Node> {
    const link = await TcpProxy.to(server.port);
    const backplane = new RedisBackplane({ url: link.url, publishTimeoutMs: 4_000, checkIntervalMs: 100 });
    const node = { link, backplane, log: new BackplaneLog() };
    nodes.push(node);
    backplane.subscribe(channel, node.log);
    await node.log.isReady();
    return node;
  }

  const say = async ({ backplane }: Pick<Node, 'backplane'>, data: string, key?: string) =>
    backplane.publish(channel, { kind: 'event', data }, { ...settings, key });

  /** As a publisher does: again, until it is stored. */
  async function insist(node: Pick<Node, 'backplane'>, data: string): Promise<string> {
    for (;;) {
      try {
        return await say(node, data, data);
      } catch (error) {
        expect(error).toMatchObject({ code: 'SSE_BACKPLANE_UNAVAILABLE' });
      }
    }
  }

  /** What somebody who comes back with a position is given, page by page, and why it ends if it is a gap. */
  async function replay({ backplane }: Node, from: string): Promise<{ data: unknown[]; gap: string | undefined }> {
    const data: unknown[] = [];
    for (let after = from; ;) {
      const { entries, gap } = await backplane.read(channel, after, 2);
      if (gap !== undefined || entries.length === 0) return { data, gap };
      data.push(...entries.map(({ event }) => event.data));
      after = entries.at(-1)!.position;
    }
  }

  /** The node was never told a position that is not behind the one before. */
  function expectForward({ log }: Node): void {
    const told = log.entries.map(({ position }) => position);
    for (const [i, position] of told.entries()) {
      if (i > 0) expect(comparePositions(position, told[i - 1]!)).toBeGreaterThan(0);
    }
    for (const { head, after } of log.gaps) {
      const before = told[after - 1];
      if (before !== undefined) expect(comparePositions(head!, before)).toBeGreaterThanOrEqual(0);
      if (told[after] !== undefined) expect(comparePositions(told[after], head!)).toBeGreaterThan(0);
    }
  }

  async function restart(): Promise<void> {
    await server.kill();
    await server.run();
  }

  it('every node is told, nobody is led back, and who was away is told as well', async () => {
    const [a, b] = [await join(), await join()];
    const old = await say(a, 'kept 1');
    const kept = await say(a, 'kept 2');
    await server.command('SAVE');
    const lost = await say(a, 'lost 1');
    const last = await say(b, 'lost 2');
    await Promise.all([a.log.has('lost 2'), b.log.has('lost 2')]);
    await restart();
    const next = await insist(a, 'next');
    await Promise.all([a, b].map(({ log }) => log.has('next')));
    for (const node of [a, b]) {
      expect(node.log.gaps.length).toBeGreaterThan(0);
      expect(node.log.data).toEqual(['kept 1', 'kept 2', 'lost 1', 'lost 2', 'next']);
      expectForward(node);
      for (const position of [old, kept, lost, last]) {
        expect((await replay(node, position)).gap).toBeDefined();
      }
      expect(await replay(node, next)).toEqual({ data: [], gap: undefined });
    }
  });

  it('a silent channel too: the position that is told is behind everything that was lost', async () => {
    const [a, b] = [await join(), await join()];
    const kept = await say(a, 'kept');
    await server.command('SAVE');
    const lost = await say(a, 'lost');
    await Promise.all([a.log.has('lost'), b.log.has('lost')]);
    await restart();
    for (const { log } of [a, b]) await until(() => log.gaps.length > 0, 'the gap');
    for (const node of [a, b]) {
      expectForward(node);
      expect(comparePositions(node.log.gaps.at(-1)!.head!, lost)).toBeGreaterThan(0);
      expect((await replay(node, kept)).gap).toBeDefined();
      // Who was told by one node goes on at the other, and gets nothing again.
      for (const other of [a, b]) {
        expect(await replay(other, node.log.gaps.at(-1)!.head!)).toEqual({ data: [], gap: undefined });
      }
    }
  });

  // The chain in the stream is whole then: nothing in it says that something is missing.
  it('and a node that knows nothing of the loss stores on first, all are told, whoever they ask', async () => {
    const [witness, late] = [await join(), await join()];
    const old = await say(witness, 'kept 1');
    const kept = await say(witness, 'kept 2');
    await Promise.all([witness.log.has('kept 2'), late.log.has('kept 2')]);
    await server.command('SAVE');
    // This one does not hear of what is lost afterwards.
    late.link.cut();
    const lost = await say(witness, 'lost');
    await witness.log.has('lost');
    witness.link.cut();
    await restart();
    const stranger = new RedisBackplane({ url: server.url });
    for (const data of ['after 1', 'after 2', 'after 3']) await say({ backplane: stranger }, data);
    await stranger.close();
    late.link.heal();
    await late.log.has('after 3');
    expect(late.log.gaps).toEqual([]);
    witness.link.heal();
    for (const { log } of [witness, late]) await until(() => log.gaps.length > 0, 'the gap');
    await insist(witness, 'next');
    for (const node of [witness, late]) {
      await node.log.has('next');
      expectForward(node);
      for (const position of [old, kept, lost]) expect((await replay(node, position)).gap).toBeDefined();
    }
    expect(new Set(witness.log.data).size).toBe(witness.log.data.length);
  });

  it('a node that publishes without listening begins a new life behind what it was told to be stored', async () => {
    const publisher = new RedisBackplane({ url: server.url, publishTimeoutMs: 4_000 });
    const kept = await say({ backplane: publisher }, 'kept');
    await server.command('SAVE');
    const lost = await say({ backplane: publisher }, 'lost');
    await restart();
    const next = await insist({ backplane: publisher }, 'next');
    expect(comparePositions(next, lost)).toBeGreaterThan(0);
    const reader = await join();
    for (const position of [kept, lost]) expect((await replay(reader, position)).gap).toBeDefined();
    await publisher.close();
  });
});
