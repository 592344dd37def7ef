import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseModule } from '../../lib/index.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { Gate } from '../channels/gates.js';
import { open } from '../support/client.js';
import { describeWith } from '../support/external.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { RedisServer } from '../support/redis-server.js';

let handlers: Gate;

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('user') user: string, @SseClient() client: SseConnection) {
    client.context.user = user;
    return this.broadcaster.subscribe('a');
  }
  @Sse('slow') async slow(@Query('user') user: string, @SseClient() client: SseConnection) {
    await handlers.pass();
    client.context.user = user;
    return this.broadcaster.subscribe('a', { from: 'earliest' });
  }
  @Sse('late', { commit: 'firstEvent' }) late(@Query('user') user: string, @SseClient() client: SseConnection) {
    return this.slow(user, client);
  }
}

describeWith('redis-server', 'a kick by one of two nodes on Redis', (path) => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start(path);
  });
  afterAll(() => server.stop());

  describe.each(platforms)('on $name', (platform) => {
    let nodes: Running[];
    beforeEach(async () => {
      handlers = new Gate();
      nodes = await Promise.all(
        [1, 2].map(() =>
          start(platform, {
            imports: [SseModule.forRoot({ ping: false, backplane: new RedisBackplane({ url: server.url }) })],
            controllers: [Feeds],
          }),
        ),
      );
    });
    afterEach(() => Promise.all(nodes.map(({ app }) => app.close())));

    it.each(['slow', 'late'])(
      'reaches who is still opening on the other (%s), and shows nothing that follows it',
      async (route) => {
        const [here, there] = nodes as [Running, Running];
        const broadcaster = here.app.get(SseBroadcaster);
        const early = open(there, `/${route}?user=ann`);
        while (handlers.arrived < 1) await new Promise((resolve) => setImmediate(resolve));
        // Ends when the other node has heard of the kick.
        const witness = await open(there, '/feed?user=ann');
        broadcaster.disconnect({ user: 'ann' }, { event: { type: 'goodbye' } });
        expect((await witness.rest()).map(({ event }) => event)).toEqual(['goodbye']);
        const other = await open(there, '/feed?user=bob');
        const back = await open(there, '/feed?user=ann');
        for (const client of [other, back]) await client.until(({ text }) => text.includes('id: '));
        await broadcaster.publish('a', 'secret');
        for (const client of [other, back]) {
          expect(await client.event()).toMatchObject({ data: 'secret' });
          client.leave();
        }
        handlers.open();
        const kicked = await early;
        expect((await kicked.rest()).map(({ event }) => event)).toEqual(['goodbye']);
        expect(kicked.text).not.toContain('secret');
      },
    );
  });
});
