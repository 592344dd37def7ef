import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import { Sse, SseBroadcaster, SseConnections, SseModule } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('feed')
  feed(@Query('channels') channels: string, @Query('from') from?: 'earliest') {
    return this.broadcaster.subscribe(channels.split(','), { from: from ?? 'live' });
  }

  @Sse('even')
  even() {
    return this.broadcaster.subscribe('numbers', { filter: ({ data }) => Number(data) % 2 === 0 });
  }

  @Sse('state')
  state() {
    return this.broadcaster.subscribe('numbers', { snapshot: () => Promise.resolve({ type: 'state', data: 'all' }) });
  }
}

describe.each(platforms)('channels on $name', (platform) => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const clients: Client[] = [];

  beforeEach(async () => {
    running = await start(platform, {
      imports: [SseModule.forRoot({ history: { maxEvents: 10 } })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
  });

  const follow = async (path: string, lastEventId?: string) => {
    const client = await open(
      running,
      path,
      lastEventId === undefined ? {} : { headers: { 'Last-Event-ID': lastEventId } },
    );
    clients.push(client);
    return client;
  };
  const publish = async (channel: string, ...data: unknown[]) => {
    for (const value of data) await broadcaster.publish(channel, { data: value });
  };

  it('sends what is published to all subscribers, with the ids that publish returned', async () => {
    const one = await follow('/feed?channels=numbers');
    const two = await follow('/feed?channels=numbers');
    const first = await broadcaster.publish('numbers', { type: 'n', data: { n: 1 } });
    const second = await broadcaster.publish('numbers', 'two');
    for (const client of [one, two]) {
      expect(await client.events(2)).toEqual([
        { id: first.id, event: 'n', data: '{"n":1}' },
        { id: second.id, event: undefined, data: 'two' },
      ]);
    }
  });

  it('resumes after the id that a client brings, without a hole and without a repeat', async () => {
    const client = await follow('/feed?channels=numbers');
    await publish('numbers', 1, 2);
    const [, last] = await client.events(2);
    client.leave();
    await publish('numbers', 3, 4);
    const again = await follow('/feed?channels=numbers', last!.id);
    await publish('numbers', 5);
    expect((await again.events(3)).map(({ data }) => data)).toEqual(['3', '4', '5']);
  });

  it('resumes on several channels, each where it was', async () => {
    const client = await follow('/feed?channels=a,b');
    await publish('a', 'a1');
    await publish('b', 'b1');
    const [, last] = await client.events(2);
    client.leave();
    await publish('b', 'b2');
    await publish('a', 'a2');
    const again = await follow('/feed?channels=b,a,c', last!.id);
    expect((await again.events(2)).map(({ data }) => data).sort()).toEqual(['a2', 'b2']);
    await publish('c', 'c1');
    expect((await again.event())?.data).toBe('c1');
  });

  it('has a client that was cut before its first event miss nothing', async () => {
    const client = await follow('/feed?channels=numbers');
    await client.until(({ text }) => text.includes('id: '));
    const id = /id: (\S+)/.exec(client.text)![1];
    client.leave();
    await publish('numbers', 1);
    expect((await (await follow('/feed?channels=numbers', id)).event())?.data).toBe('1');
  });

  it.each([
    ['a bare integer', '12'],
    ['a token of Redis', '$'],
    ['an origin', '0-0'],
    ['joined headers', '1,2'],
    ['a very long one', 'x'.repeat(5000)],
    ['another life', 'abcdef123456-7'],
  ])('announces one gap, before anything newer, for the id of %s', async (_, id) => {
    await publish('numbers', 1);
    const client = await follow('/feed?channels=numbers', id);
    await client.event().then((event) => expect(event).toMatchObject({ event: 'gap' }));
    await publish('numbers', 2);
    expect(await client.event()).toMatchObject({ data: '2' });
  });

  it('announces a gap when the history was trimmed, and not again after that', async () => {
    const client = await follow('/feed?channels=numbers');
    await publish('numbers', 0);
    const first = await client.event();
    client.leave();
    await publish('numbers', ...Array.from({ length: 20 }, (_, n) => n + 1));
    const again = await follow('/feed?channels=numbers', first!.id);
    const gap = await again.event();
    expect(gap).toMatchObject({ event: 'gap', data: JSON.stringify({ channel: 'numbers', reason: 'trimmed' }) });
    again.leave();
    await publish('numbers', 21);
    expect(await (await follow('/feed?channels=numbers', gap!.id)).event()).toMatchObject({ data: '21' });
  });

  it('begins with the oldest event when asked to', async () => {
    await publish('numbers', 1, 2);
    expect((await (await follow('/feed?channels=numbers&from=earliest')).events(2)).map(({ data }) => data)).toEqual([
      '1',
      '2',
    ]);
  });

  it('sends the snapshot before what is published after it', async () => {
    await publish('numbers', 1);
    const client = await follow('/state');
    await publish('numbers', 2);
    expect((await client.events(2)).map(({ data }) => data)).toEqual(['all', '2']);
  });

  it('leaves out what the filter does not want', async () => {
    const client = await follow('/even');
    await publish('numbers', 1, 2, 3, 4);
    expect((await client.events(2)).map(({ data }) => data)).toEqual(['2', '4']);
  });

  it('completes the streams when the channel ends, after all that was published', async () => {
    const client = await follow('/feed?channels=numbers');
    await publish('numbers', 1);
    await broadcaster.end('numbers');
    const rest = await client.rest();
    expect(rest.map(({ data }) => data)).toEqual(['1']);
    const id = /id: (\S+)\n\n$/.exec(client.text)![1];
    expect((await follow('/feed?channels=numbers', id)).status).toBe(204);
  });

  it('produces whether or not anyone listens', async () => {
    const production = await broadcaster.produce('answer', ['a', 'b', 'c']);
    await production.done;
    const client = await follow('/feed?channels=answer&from=earliest');
    expect((await client.rest()).map(({ data }) => data)).toEqual(['a', 'b', 'c']);
  });

  it('has who was sent away after a long life go on where it was', async () => {
    const client = await follow('/feed?channels=numbers');
    await publish('numbers', 1);
    await client.event();
    const [connection] = [...running.app.get(SseConnections)];
    expect(connection!.openedAt).toBeLessThanOrEqual(Date.now());
    await publish('numbers', 2);
    connection!.close({ code: 'lifetime_over' });
    const rest = await client.rest();
    expect(await connection!.closed).toMatchObject({ code: 'lifetime_over' });
    await publish('numbers', 3);
    const id = Array.from(client.text.matchAll(/^id: (.+)$/gm)).at(-1)![1];
    const again = await follow('/feed?channels=numbers', id);
    // Whether the second made it before the end or comes after it: once, and in its order.
    expect([...rest, ...(await again.events(2 - rest.length))].map(({ data }) => data)).toEqual(['2', '3']);
  });

  it('disconnects whom it is told to', async () => {
    const client = await follow('/feed?channels=numbers');
    const [connection] = [...running.app.get(SseConnections)];
    expect(broadcaster.disconnect(({ id }) => id === connection!.id)).toBe(1);
    await client.rest();
    expect(client.ended).toBe(true);
    expect(await connection!.closed).toMatchObject({ code: 'kicked' });
    expect(broadcaster.subscribers('numbers')).toBe(0);
  });
});
