import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { MemoryBackplane } from '../../lib/backplane/memory-backplane.js';
import { Observers } from '../../lib/connection/observers.js';
import { Sse, SseBroadcaster, SseError, SseModule } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { RecordingObserver } from '../support/recording-observer.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('news') news() {
    return this.broadcaster.subscribe('news');
  }
  @Sse('all') all() {
    return this.broadcaster.subscribe(['news', 'sports'], { from: 'earliest', filter: () => true });
  }
}

describe.each(platforms)('what an observer is told of channels on $name', (platform) => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const observer = new RecordingObserver();

  beforeEach(async () => {
    observer.forget();
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [Feeds] });
    broadcaster = running.app.get(SseBroadcaster);
    running.app.get(Observers).add(observer);
  });
  afterEach(() => running.app.close());

  it('each event that was published, once for a key', async () => {
    await broadcaster.publish('news', 'a');
    await broadcaster.publish('news', 'b', { key: 'k' });
    await broadcaster.publish('news', 'b', { key: 'k' });
    await broadcaster.end('news');
    await (
      await broadcaster.produce('answer', ['one', 'two'])
    ).done;
    expect(observer.told).toEqual(['published news', 'published news', 'published answer', 'published answer']);
  });

  it('nothing for each event that is delivered', async () => {
    const client = await open(running, '/news');
    for (const event of ['a', 'b']) await broadcaster.publish('news', event);
    expect((await client.events(2)).map(({ data }) => data)).toEqual(['a', 'b']);
    expect(observer.told).toEqual(['opened /news', 'published news', 'published news', 'first event /news']);
    client.leave();
  });

  it('that a client which came back has what it missed, once', async () => {
    const { id } = await broadcaster.publish('news', 'a');
    for (const event of ['b', 'c']) await broadcaster.publish('news', event);
    observer.forget();
    const client = await open(running, '/news', { headers: { 'last-event-id': id } });
    expect((await client.events(2)).map(({ data }) => data)).toEqual(['b', 'c']);
    await observer.until('replayed /news 2');
    await broadcaster.publish('news', 'd');
    expect(await client.event()).toMatchObject({ data: 'd' });
    expect(observer.told).toEqual(['opened /news', 'first event /news', 'replayed /news 2', 'published news']);
    client.leave();
  });

  it('the same of a client with a filter, which goes on to read by itself', async () => {
    await broadcaster.publish('news', 'a');
    await broadcaster.publish('sports', 'b');
    observer.forget();
    const client = await open(running, '/all');
    await client.events(2);
    await observer.until('replayed /all 2');
    await broadcaster.publish('news', 'c');
    expect(await client.event()).toMatchObject({ data: 'c' });
    expect(observer.told).toEqual(['opened /all', 'first event /all', 'replayed /all 2', 'published news']);
    client.leave();
  });

  it('each event that was not published, and no error of its caller', async () => {
    const failure = new SseError('SSE_BACKPLANE_UNAVAILABLE', 'away');
    const publish = jest.spyOn(MemoryBackplane.prototype, 'publish').mockImplementation(() => Promise.reject(failure));
    await expect(broadcaster.publish('news', 'a')).rejects.toBe(failure);
    publish.mockRestore();
    expect(() => broadcaster.publish('news', { type: '\n', data: '' })).toThrow();
    await broadcaster.publish('news', 'b');
    expect(observer.told).toEqual(['backplane down', 'not published news', 'published news']);
  });

  it('each gap that a client is told of', async () => {
    const client = await open(running, '/news', { headers: { 'last-event-id': '7' } });
    expect(await client.event()).toMatchObject({ event: 'gap' });
    expect(observer.told).toEqual(['opened /news', 'gap /news news malformed', 'first event /news']);
    client.leave();
  });
});
