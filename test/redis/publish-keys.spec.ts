import 'reflect-metadata';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { startRedisApp, type RedisApp } from './two-apps.js';

describeWith('redis-server', 'a publish key, on two nodes', (path) => {
  let server: RedisServer;
  let a: RedisApp;
  let b: RedisApp;
  beforeAll(async () => {
    server = await RedisServer.start(path);
    const history = { history: { maxEvents: 3 } };
    a = await startRedisApp({ url: server.url }, history);
    b = await startRedisApp({ url: server.url }, history);
  });
  afterAll(async () => {
    await Promise.all([a.running.app.close(), b.running.app.close()]);
    await server.stop();
  });

  it.each([
    { type: 'one', data: { n: 1 } },
    { data: 'a\r\nb' },
    { type: 'no data' },
    { data: '' },
    { comment: 'a comment' },
  ])('resolves with what was stored, on a node that knows nothing of the channel: %j', async (event) => {
    const channel = `kept ${JSON.stringify(event)}`;
    const first = await a.broadcaster.publish(channel, event, { key: 'k' });
    await a.broadcaster.publish(channel, 'between');
    for (const { broadcaster } of [b, a]) {
      expect(await broadcaster.publish(channel, { type: 'two', data: { n: 2 } }, { key: 'k' })).toEqual(first);
    }
    expect(await b.broadcaster.history(channel)).toHaveLength(event.comment === undefined ? 2 : 1);
  });

  it('resolves with the id alone when what was stored is not kept any more', async () => {
    const { id } = await a.broadcaster.publish('trimmed', 'one', { key: 'k' });
    for (const data of ['2', '3', '4']) await a.broadcaster.publish('trimmed', data);
    expect(await b.broadcaster.publish('trimmed', 'two', { key: 'k' })).toEqual({ id });
  });

  it('resolves with what was offered when nothing of that life was stored with the key', async () => {
    await a.broadcaster.publish('ended', 'one', { key: 'k' });
    await a.broadcaster.end('ended');
    await a.broadcaster.publish('ended', 'next life');
    expect(await b.broadcaster.publish('ended', 'two', { key: 'k' })).toMatchObject({ data: 'two' });
  });
});
