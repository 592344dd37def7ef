import { open, type Client } from '../support/client.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { startRedisApp, type RedisApp } from './two-apps.js';

const PATH = '/feed/orders';

// As clients see it, who move between the nodes with the id that they were told last.
describeWith('redis-server', 'clients of several nodes, when Redis comes back with older data,', (path) => {
  let server: RedisServer;
  let link: TcpProxy;
  /** Has told its clients what Redis has lost, and is kept from noticing it. */
  let witness: RedisApp;
  /** Starts afterwards: it knows nothing of what was lost. */
  let stranger: RedisApp;
  let clients: Client[];
  /** The ids of what Redis still has, and of what it has lost. */
  let kept: string;
  let lost: string;

  beforeEach(async () => {
    clients = [];
    server = await RedisServer.start(path);
    link = await TcpProxy.to(server.port);
    witness = await startRedisApp({ url: link.url, publishTimeoutMs: 5_000 });
    const client = await visit(witness);
    await client.until(({ text }) => text.includes('id: '));
    ({ id: kept } = await witness.broadcaster.publish('orders', 'kept'));
    await server.command('SAVE');
    ({ id: lost } = await witness.broadcaster.publish('orders', 'lost'));
    expect(await client.events(2)).toMatchObject([{ data: 'kept' }, { data: 'lost', id: lost }]);
    link.cut();
    await server.kill();
    await server.run();
    stranger = await startRedisApp({ url: server.url, publishTimeoutMs: 5_000 });
  });
  afterEach(async () => {
    for (const client of clients) client.leave();
    await link.close();
    await Promise.all([witness, stranger].map(({ running }) => running.app.close()));
    await server.stop();
  });

  async function visit({ running }: RedisApp, lastEventId?: string): Promise<Client> {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
    const client = await open(running, PATH, { headers });
    clients.push(client);
    return client;
  }

  const isGap = { event: 'gap' };

  it('are not led back: who was told of the gap gets nothing again from a node that has not noticed', async () => {
    const moved = await visit(stranger, lost);
    const gap = (await moved.event())!;
    expect(gap).toMatchObject({ ...isGap, id: lost });
    const back = await visit(witness, gap.id);
    link.heal();
    // The loss is announced once more, since nobody can tell it from another one, and then comes what is new.
    expect(await back.event()).toMatchObject(isGap);
    await stranger.broadcaster.publish('orders', 'next');
    expect((await back.event())?.data).toBe('next');
  });

  it('hear the gap before what a node stores that knows nothing of the loss, live or coming back', async () => {
    const live = await visit(stranger, lost);
    expect(await live.event()).toMatchObject(isGap);
    const [there, here] = [await visit(witness, lost), await visit(witness, kept)];
    expect((await here.event())?.data).toBe('lost');
    await stranger.broadcaster.publish('orders', 'after');
    expect((await live.event())?.data).toBe('after');
    // And who comes only now.
    expect(await (await visit(stranger, lost)).event()).toMatchObject(isGap);
    link.heal();
    for (const client of [there, here]) expect(await client.event()).toMatchObject(isGap);
    await stranger.broadcaster.publish('orders', 'next');
    for (const client of [there, here]) {
      const seen: (string | undefined)[] = [];
      while (seen.at(-1) !== 'next') seen.push((await client.event())?.data);
      // Whatever lies between is a gap, never what was told already.
      expect(seen.filter((data) => data === 'lost' || data === 'kept')).toEqual([]);
    }
  });
});
