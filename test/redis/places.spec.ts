import 'reflect-metadata';
import { Controller, Query, UseInterceptors, type CallHandler, type NestInterceptor } from '@nestjs/common';
import { map } from 'rxjs';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseModule, type SseFrom } from '../../lib/index.js';
import { RedisBackplane } from '../../lib/redis/index.js';
import { open, type Client } from '../support/client.js';
import { describeWith } from '../support/external.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

let from: SseFrom;

class Mapping implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler) {
    return next.handle().pipe(map((value: unknown) => value));
  }
}

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(
    @Query('channel') channel: string,
    @Query('user') user: string | undefined,
    @SseClient() client: SseConnection,
  ) {
    client.context.user = user;
    return this.broadcaster.subscribe(channel, { from });
  }
  @Sse('mapped')
  @UseInterceptors(Mapping)
  mapped(@Query('channel') channel: string) {
    return this.broadcaster.subscribe(channel, { from });
  }
}

describeWith('redis-server', 'where clients begin, with Redis', (path) => {
  let server: RedisServer;
  let nodes: Running[];
  const clients: Client[] = [];
  let channels = 0;
  let channel: string;

  beforeAll(async () => {
    server = await RedisServer.start(path);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    from = 'live';
    channel = `c${++channels}`;
    nodes = await Promise.all([startNode(), startNode()]);
  });
  const startNode = (platform = platforms[0]!) =>
    start(platform, {
      imports: [
        SseModule.forRoot({
          ping: false,
          backplane: new RedisBackplane({ url: server.url }),
          history: { maxEvents: 5 },
        }),
      ],
      controllers: [Feeds],
    });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await Promise.all(nodes.map(({ app }) => app.close()));
  });
  const broadcasterOf = (node: Running) => node.app.get(SseBroadcaster);
  const come = async (node: Running, query = '') => {
    const client = await open(node, `/feed?channel=${channel}${query}`);
    clients.push(client);
    return client;
  };
  const say = async (count: number) => {
    const ids: string[] = [];
    for (let n = 0; n < count; n++) ids.push((await broadcasterOf(nodes[0]!).publish(channel, `${n}`)).id);
    return ids;
  };
  const last = async () => (await broadcasterOf(nodes[0]!).history(channel)).at(-1)?.id;
  const data = async (client: Client, count: number) => (await client.events(count)).map((event) => event.data);
  const GONE = () => JSON.stringify({ channel, reason: 'trimmed' });

  it('is told of a beginning that is gone, and goes on with the oldest that is kept', async () => {
    await say(8);
    from = 'earliest';
    for (const node of nodes) {
      const client = await come(node);
      expect(await data(client, 6)).toEqual([GONE(), '3', '4', '5', '6', '7']);
    }
  });

  it.each([3, 50])('is told of no gap when a production of %i events is whole', async (count) => {
    const tokens = Array.from({ length: count }, (_token, n) => `${n}`);
    await (
      await broadcasterOf(nodes[0]!).produce(channel, tokens)
    ).done;
    from = 'earliest';
    const client = await come(nodes[1]!);
    expect((await client.rest()).map((event) => event.data)).toEqual(tokens);
  });

  it.each(
    platforms.flatMap((platform) => ['feed', 'mapped'].map((route) => ({ platform, name: platform.name, route }))),
  )(
    'is answered 204 the first time too, by a node that has not heard of the ended channel: $route on $name',
    async ({ platform, route }) => {
      await say(2);
      await broadcasterOf(nodes[0]!).end(channel);
      const headers = { 'Last-Event-ID': (await last())! };
      const reader = await open(nodes[0]!, `/feed?channel=${channel}`, { headers });
      const text = (await reader.rest(), reader.text);
      const id = [...text.matchAll(/^id: (\S+)$/gm)].at(-1)![1]!;
      const node = await startNode(platform);
      nodes.push(node);
      const again = await open(node, `/${route}?channel=${channel}`, { headers: { 'Last-Event-ID': id } });
      expect(again.status).toBe(204);
    },
  );

  it('begins at an event, or at a moment', async () => {
    const [first] = await say(2);
    from = { position: first! };
    expect(await data(await come(nodes[1]!), 1)).toEqual(['1']);
    from = { time: 0 };
    expect(await data(await come(nodes[1]!), 2)).toEqual(['0', '1']);
    const [, time] = /^(\d+)-/.exec((await say(1))[0]!)!;
    await until(() => Date.now() > Number(time));
    const [third] = await say(1);
    from = { time: Number(/^(\d+)-/.exec(third!)![1]) };
    expect(await data(await come(nodes[1]!), 1)).toEqual(['0']);
  });

  it('has an entry that nobody can read announced as a gap, live and in a replay', async () => {
    const [first] = await say(1);
    const live = await come(nodes[1]!);
    await live.until(({ text }) => text.includes('id: '));
    await say(1);
    expect(await data(live, 1)).toEqual(['0']);
    await server.command('XADD', `sse:{${channel}}`, '*', 'foo', 'bar');
    await say(1);
    from = { position: first! };
    const replay = await come(nodes[1]!);
    const seen = await data(replay, 2);
    expect(seen[0]).toBe('0');
    expect(JSON.parse(seen[1]!)).toMatchObject({ channel });
    const [gap] = await data(live, 1);
    expect(JSON.parse(gap!)).toMatchObject({ channel });
    await broadcasterOf(nodes[0]!).publish(channel, 'after');
    for (const client of [live, replay]) {
      let last: string | undefined;
      while (last !== 'after') [last] = await data(client, 1);
    }
  });

  it('joins a channel on every node by tags: what was published after that reaches all', async () => {
    const all = await Promise.all(nodes.map((node) => come(node, '&user=ann')));
    for (const client of all) await client.until(({ text }) => text.includes('id: '));
    const room = `${channel}.room`;
    await broadcasterOf(nodes[0]!).publish(room, 'before');
    expect(await broadcasterOf(nodes[0]!).join({ user: 'ann' }, room)).toBe(1);
    await broadcasterOf(nodes[0]!).publish(room, 'after');
    for (const client of all) expect(await data(client, 1)).toEqual(['after']);
    await broadcasterOf(nodes[1]!).leave({ user: 'ann' }, room);
    await until(() => nodes.every((node) => broadcasterOf(node).subscribers(room) === 0));
  });
});
