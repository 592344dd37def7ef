import { open, type Client } from '../support/client.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { startRedisApp, type RedisApp } from './two-apps.js';

// publish() resolves when the event is stored. It was still on its way to the node that ended the stream.
describeWith('redis-server', 'two nodes on Redis, of which each is told of events late:', (path) => {
  let server: RedisServer;
  let nodes: RedisApp[];
  beforeAll(async () => {
    server = await RedisServer.start(path);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    nodes = await Promise.all([1, 2].map(() => startRedisApp({ url: server.url }, { lateMs: 100 })));
  });
  afterEach(() => Promise.all(nodes.map(({ running }) => running.app.close())));
  let rooms = 0;
  const dataOf = async (client: Client) => (await client.rest()).map(({ data }) => data);

  it.each(['room', 'room,hall'])(
    'what was published to %s before a kick is delivered before it, on both',
    async (name) => {
      const at = name.replaceAll(/\w+/g, (word) => `${word}${++rooms}`);
      const room = at.split(',')[0]!;
      const clients = await Promise.all(nodes.map((node) => node.follow(`/feed/${at}?user=ann`)));
      for (let n = 0; n < 250; n++) await nodes[n % 2]!.broadcaster.publish(room, `${n}`);
      nodes[0]!.broadcaster.disconnect({ user: 'ann' }, { event: 'goodbye' });
      const expected = [...Array.from({ length: 250 }, (_, n) => `${n}`), 'goodbye'];
      for (const client of clients) expect(await dataOf(client)).toEqual(expected);
    },
  );

  it('what was published before a connection is closed, or the application, is delivered before it', async () => {
    const room = `room${++rooms}`;
    const clients = await Promise.all(nodes.map((node) => node.follow(`/feed/${room}?user=ann`)));
    await nodes[1]!.broadcaster.publish(room, 'one');
    nodes[0]!.broadcaster.disconnect(() => true);
    expect(await dataOf(clients[0]!)).toEqual(['one']);
    await nodes[0]!.broadcaster.publish(room, 'two');
    const closing = nodes[1]!.running.app.close();
    expect(await dataOf(clients[1]!)).toEqual(['one', 'two']);
    await closing;
  });

  // It was a clean end, also when another node had stored something that this one had not heard.
  it('a kick while nobody knows what was published before cuts the stream off, and it goes on where it was', async () => {
    const [here, there] = nodes as [RedisApp, RedisApp];
    const room = `room${++rooms}`;
    const client = await here.follow(`/feed/${room}?user=ann`);
    const { id } = await there.broadcaster.publish(room, 'one');
    expect(await client.event()).toMatchObject({ data: 'one' });
    server.pause();
    try {
      here.broadcaster.disconnect(() => true, { event: { type: 'goodbye' } });
      await expect(client.rest()).rejects.toThrow();
      expect(client.text).toContain('event: goodbye');
    } finally {
      server.resume();
    }
    await there.broadcaster.publish(room, 'two');
    const back = await open(here.running, `/feed/${room}?user=ann`, { headers: { 'Last-Event-ID': id } });
    expect(await back.event()).toMatchObject({ data: 'two' });
    back.leave();
  });
});
