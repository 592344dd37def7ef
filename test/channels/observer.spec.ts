import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { Observers } from '../../lib/connection/observers.js';
import { Sse, SseBroadcaster, SseModule } from '../../lib/index.js';
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
    expect(observer.told).toEqual(['opened /news', 'published news', 'published news']);
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
    expect(observer.told).toEqual(['opened /news', 'replayed /news 2', 'published news']);
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
    expect(observer.told).toEqual(['opened /all', 'replayed /all 2', 'published news']);
    client.leave();
  });

  it('each gap that a client is told of', async () => {
    const client = await open(running, '/news', { headers: { 'last-event-id': '7' } });
    expect(await client.event()).toMatchObject({ event: 'gap' });
    expect(observer.told).toEqual(['opened /news', 'gap /news news malformed']);
    client.leave();
  });
});
