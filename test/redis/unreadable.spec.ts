import type { SsePublishSettings } from '../../lib/backplane/backplane.js';
import { storedFrame } from '../../lib/channel/stored-event.js';
import { RedisBackplane } from '../../lib/redis/redis-backplane.js';
import { decodeStored } from '../../lib/redis/stored-entry.js';
import { BackplaneLog } from '../support/backplane-log.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

const settings: SsePublishSettings = { history: { maxEvents: 1_000, maxBytes: 10_000_000, maxAgeMs: 300_000 } };
const event = (data: string) => ({ kind: 'event', data }) as const;
const key = 'sse:{orders}';

describe('what is stored as an event', () => {
  it.each([
    '',
    'E',
    'E{}',
    'X\ndata',
    'E{"type":"a\\nb"}\nx',
    'E{"type":"\\ud800"}\nx',
    'E{"type":7}\nx',
    'E{"retry":-1}\nx',
    'E{"retry":1.5}\nx',
    'E{"retry":"1"}\nx',
    'E{"comment":{}}\nx',
    'E[]\nx',
    'Enull\nx',
    'E{"type"\nx',
  ])('is none when no node could encode it: %j', (text) => {
    expect(decodeStored(text)).toBeUndefined();
  });

  it.each(['E\n', 'E\nx', 'E{"type":"a"}', 'E{"comment":"a\\nb"}', 'E{"retry":0}', 'S', 'N'])(
    'can be encoded when it is one: %j',
    (text) => {
      expect(() => storedFrame(decodeStored(text)!, '1-1')).not.toThrow();
    },
  );
});

describeWith('redis-server', 'what somebody else has written under a key of a channel', (path) => {
  let server: RedisServer;
  let node: RedisBackplane;
  beforeEach(async () => {
    server = await RedisServer.start(path);
    node = new RedisBackplane({ url: server.url, checkIntervalMs: 50 });
  });
  afterEach(async () => {
    await node.close();
    await server.stop();
  });

  async function listen(channel = 'orders'): Promise<BackplaneLog> {
    const log = new BackplaneLog();
    node.subscribe(channel, log);
    await log.isReady();
    return log;
  }

  it.each([
    ['other fields', ['some', 'thing']],
    ['more fields', ['m', '1-0 - 1-0 5 0', 'e', 'E\nx', 'and', 'more']],
    ['other references', ['m', 'who knows', 'e', 'E\nx']],
    ['a type with a line break', ['m', '1-0 - 1-0 5 0', 'e', 'E{"type":"a\\nid: 7"}\nx']],
    ['nothing at all', ['m', '1-0 - 1-0 5 0', 'e', 'E']],
  ])('is a gap to who listens and to who reads: an entry with %s', async (_, fields) => {
    const log = await listen();
    const before = await node.publish('orders', event('1'), settings);
    await server.command('XADD', key, '*', ...fields);
    const after = await node.publish('orders', event('2'), settings);
    await log.has('2');
    expect(log.data).toEqual(['1', '2']);
    expect(log.gaps).toMatchObject([{ reason: 'store_lost', after: 1 }]);
    expect(await node.read('orders', before, 10)).toEqual({ entries: [], gap: 'store_lost' });
    expect(await node.read('orders', after, 10)).toEqual({ entries: [] });
  });

  it('is a gap to who listens and to who reads: an entry whose id leaves no room for another', async () => {
    const log = await listen();
    const before = await node.publish('orders', event('1'), settings);
    await server.command('XADD', key, '18446744073709551615-18446744073709551615', 'some', 'thing');
    await node.publish('orders', event('2'), settings);
    await log.has('2');
    expect(log.gaps.length).toBeGreaterThan(0);
    expect((await node.read('orders', before, 10)).gap).toBeDefined();
    await node.publish('orders', event('3'), settings);
    await log.has('3');
  });

  it('is a gap to who listens and to who reads when it is no stream, and not touched', async () => {
    const [log, other] = [await listen(), await listen('other')];
    const position = await node.publish('orders', event('1'), settings);
    await log.has('1');
    await server.command('SET', key, 'precious');
    await until(() => log.gaps.length > 0, 'the gap');
    expect(log.gaps).toMatchObject([{ reason: 'store_lost', head: position }]);
    for (const after of [position, undefined]) {
      expect(await node.read('orders', after, 10)).toEqual({ entries: [], gap: 'store_lost' });
    }
    await expect(node.publish('orders', event('x'), settings)).rejects.toThrow(/WRONGTYPE.*nothing was stored/);
    // Who comes meanwhile is not kept waiting, nor is another channel.
    expect((await listen()).start).toEqual({ head: position, isEnded: false });
    await node.publish('other', event('2'), settings);
    await other.has('2');
    expect((await node.health()).isUp).toBe(true);
    expect(await server.command('GET', key)).toContain('precious');
    // It is told once, and when the key is free the channel goes on.
    await server.command('DEL', key);
    await node.publish('orders', event('3'), settings);
    await log.has('3');
    expect(log.data).toEqual(['1', '3']);
  });

  it('does not keep a listener waiting whose channel has never been one', async () => {
    await server.command('SET', key, 'precious');
    const log = await listen();
    expect(log.start).toEqual({ head: undefined, isEnded: false });
    await server.command('DEL', key);
    // Nobody knows where it begins: what is found first is a gap.
    await node.publish('orders', event('1'), settings);
    await until(() => log.gaps.length > 0, 'the gap');
    await node.publish('orders', event('2'), settings);
    await log.has('2');
  });
});
