import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import type { ChannelSet } from '../../lib/channel/channel-set.js';
import { Sse, SseBroadcaster, SseModule, type SseModuleOptions } from '../../lib/index.js';
import { age } from '../support/clock.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { GatedBackplane } from './gates.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed() {
    return this.broadcaster.subscribe('a');
  }
  @Sse('all') all() {
    return this.broadcaster.subscribe('a', { from: 'earliest' });
  }
}

function storing(): GatedBackplane {
  const backplane = new GatedBackplane();
  backplane.ready.open();
  backplane.reading.open();
  return backplane;
}

describe.each([
  ['the log of the channel', () => ({})],
  ['a backplane that stores', () => ({ backplane: storing() })],
] as [string, () => SseModuleOptions][])('what is kept of a channel in %s', (_, options) => {
  let running: Running;
  let broadcaster: SseBroadcaster;

  beforeEach(async () => {
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, ...options() })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
  });
  afterEach(() => running.app.close());
  const data = async (limit?: number) => (await broadcaster.history('a', { limit })).map((event) => event.data);

  it('is nothing before anything was published, and something as soon as there is an event', async () => {
    expect(await broadcaster.exists('a')).toBe(false);
    await broadcaster.publish('a', 'one');
    expect(await broadcaster.exists('a')).toBe(true);
    await broadcaster.end('a');
    expect(await broadcaster.exists('a')).toBe(true);
  });

  it('is nothing when there is only an end, or a beginning and an end', async () => {
    await broadcaster.end('a');
    expect(await broadcaster.exists('a')).toBe(false);
    const production = await broadcaster.produce('a', []);
    await production.done;
    expect(await broadcaster.exists('a')).toBe(false);
    expect(await data()).toEqual([]);
  });

  it('is still there when what has ended is ended again', async () => {
    await broadcaster.publish('a', 'one');
    const client = await open(running, '/feed');
    await broadcaster.end('a');
    await broadcaster.end('a');
    expect(await client.rest()).toEqual([]);
    expect(await data()).toEqual(['one']);
    await broadcaster.publish('a', 'two');
    expect(await data()).toEqual(['two']);
  });

  it('is there while something is produced that has said nothing yet', async () => {
    const silent = (async function* () {
      await new Promise(() => undefined);
      yield '';
    })();
    await broadcaster.produce('a', silent);
    expect(await broadcaster.exists('a')).toBe(true);
    expect(await data()).toEqual([]);
    await broadcaster.stop('a');
    expect(await broadcaster.exists('a')).toBe(false);
  });

  it('counts events only: neither a comment nor the beginning takes the place of one', async () => {
    const production = await broadcaster.produce('a', [{ comment: 'here' }, 'one', { retry: 1 }, 'two']);
    await production.done;
    expect(await data(1)).toEqual(['one']);
    expect(await data(2)).toEqual(['one', 'two']);
    expect(await data(3)).toEqual(['one', 'two']);
  });

  it('is not there for a comment alone', async () => {
    await broadcaster.publish('a', { comment: 'here' });
    expect(await broadcaster.exists('a')).toBe(false);
    expect(await data()).toEqual([]);
  });

  it.each([
    ['any line break', 'one\r\ntwo\rthree\nfour\n\r'],
    ['half a character', 'x\ud800y'],
    ['an object', { text: 'one\r\ntwo' }],
    ['a type alone', undefined],
    ['nothing but a break', '\r\n'],
  ])('is what publish() returned, with %s', async (_name, value) => {
    const published = await broadcaster.publish('a', { type: 'said', data: value });
    expect(await broadcaster.history('a')).toEqual([published]);
    const client = await open(running, '/feed', { headers: { 'Last-Event-ID': published.id } });
    const again = await broadcaster.publish('a', { type: 'said', data: value });
    expect(await client.event()).toEqual({ id: again.id, event: again.type, data: again.data });
    client.leave();
  });

  it('is refused, with nothing left behind, once the application has closed', async () => {
    const set = (broadcaster as unknown as { set: ChannelSet }).set;
    await running.app.close();
    const refusal = { code: 'SSE_CLOSED' };
    await expect(broadcaster.publish('a', 'late')).rejects.toMatchObject(refusal);
    await expect(broadcaster.end('a')).rejects.toMatchObject(refusal);
    await expect(broadcaster.history('a')).rejects.toMatchObject(refusal);
    await expect(broadcaster.exists('a')).rejects.toMatchObject(refusal);
    await expect(broadcaster.produce('a', ['late'])).rejects.toMatchObject(refusal);
    expect(() => broadcaster.subscribe('a')).toThrow(expect.objectContaining(refusal));
    expect(await broadcaster.stop('a')).toBe(false);
    expect(broadcaster.subscribers('a')).toBe(0);
    expect([set.find('a'), (set as unknown as { timer: unknown }).timer]).toEqual([undefined, undefined]);
  });
});

describe('what a channel keeps in memory', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const begin = async (history: SseModuleOptions['history']) => {
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, history })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
  };
  afterEach(() => running.app.close());

  it('is not read when it is too old, also before it is swept away', async () => {
    await begin({ maxAgeMs: 60_000 });
    const old = await broadcaster.publish('a', 'old');
    expect(await broadcaster.exists('a')).toBe(true);
    age(60_001);
    expect(await broadcaster.history('a')).toEqual([]);
    expect(await broadcaster.exists('a')).toBe(false);
    const log = (broadcaster as unknown as { set: ChannelSet }).set.find('a')!.log;
    // Not trimmed by a sweep: what is read is what counts.
    expect(log.size).toBe(1);
    const young = await broadcaster.publish('a', 'young');
    expect(await broadcaster.history('a')).toEqual([young]);
    // What follows on it is all there.
    expect(await broadcaster.history('a', { after: old.id })).toEqual([young]);
  });

  it('is not replayed when it is too old, also before it is swept away: who comes with an id is told', async () => {
    await begin({ maxAgeMs: 60_000 });
    const first = await broadcaster.publish('a', 'first');
    const second = await broadcaster.publish('a', 'second');
    age(60_001);
    expect(await broadcaster.history('a')).toEqual([]);
    const [fresh, missing, complete] = await Promise.all([
      open(running, '/all'),
      open(running, '/all', { headers: { 'Last-Event-ID': first.id } }),
      open(running, '/all', { headers: { 'Last-Event-ID': second.id } }),
    ]);
    await until(() => broadcaster.subscribers('a') === 3);
    const third = { id: (await broadcaster.publish('a', 'third')).id, event: undefined, data: 'third' };
    const isGone = { event: 'gap', data: JSON.stringify({ channel: 'a', reason: 'trimmed' }) };
    expect(await fresh.events(2)).toEqual([{ id: second.id, ...isGone }, third]);
    expect(await missing.events(2)).toEqual([{ id: second.id, ...isGone }, third]);
    expect(await complete.event()).toEqual(third);
    for (const client of [fresh, missing, complete]) client.leave();
  });

  it('is announced as cut to who begins with the oldest of it, and is replayed from there', async () => {
    await begin({ maxEvents: 3 });
    for (const text of ['one', 'two', 'three', 'four', 'five']) await broadcaster.publish('a', text);
    const client = await open(running, '/all');
    expect((await client.events(4)).map(({ data }) => data)).toEqual([
      '{"channel":"a","reason":"trimmed"}',
      'three',
      'four',
      'five',
    ]);
    client.leave();
  });

  it.each([
    ['a life that is whole', 4],
    ['a life of which only the start is gone', 3],
  ])('is not announced as cut for %s', async (_, maxEvents) => {
    await begin({ maxEvents });
    const production = await broadcaster.produce('a', ['one', 'two']);
    await production.done;
    const client = await open(running, '/all');
    expect((await client.rest()).map(({ data }) => data)).toEqual(['one', 'two']);
  });

  it('is within its bounds in the turn of the publish, too', async () => {
    await begin({ maxEvents: 2 });
    const all = ['one', 'two', 'three'].map((text) => broadcaster.publish('a', text));
    const history = broadcaster.history('a');
    expect(await history).toEqual((await Promise.all(all)).slice(1));
  });

  it('is nothing when it is to keep nothing', async () => {
    await begin({ maxEvents: 0 });
    await broadcaster.publish('a', 'one');
    expect(await broadcaster.history('a')).toEqual([]);
    expect(await broadcaster.exists('a')).toBe(false);
  });
});
