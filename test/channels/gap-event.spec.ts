import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Controller, HttpException, Logger } from '@nestjs/common';
import {
  Sse,
  SseBroadcaster,
  SseModule,
  SseResponse,
  type SseGap,
  type SseGapEventFactory,
  type SseModuleOptions,
} from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

const says =
  (text: string): SseGapEventFactory =>
  ({ channels, reason }) => ({ type: 'lost', data: { text, channels, reason } });
let gapEvent: SseGapEventFactory = says('route');

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('module') module() {
    return this.broadcaster.subscribe('a');
  }
  @Sse('two') two() {
    return this.broadcaster.subscribe(['a', 'b']);
  }
  @Sse('route', { gapEvent: (gap) => gapEvent(gap) }) route() {
    return this.broadcaster.subscribe('a');
  }
  @Sse('answer', { gapEvent: says('route') }) answer() {
    return new SseResponse(this.broadcaster.subscribe('a'), { gapEvent: says('answer') });
  }
  @Sse('subscription', { gapEvent: says('route') }) subscription() {
    const source = this.broadcaster.subscribe('a', { gapEvent: says('subscription') });
    return new SseResponse(source, { gapEvent: says('answer') });
  }
  @Sse('none', { gapEvent: null }) none() {
    return this.broadcaster.subscribe('a');
  }
  @Sse('none-of-two', { gapEvent: null }) noneOfTwo() {
    return this.broadcaster.subscribe(['a', 'b']);
  }
  @Sse('state', { gapEvent: null }) state() {
    return this.broadcaster.subscribe('a', { snapshot: () => ({ type: 'state', data: 'all' }) });
  }
  @Sse('no-error', { gapEvent: (gap) => gapEvent(gap), errorEvent: null }) noError() {
    return this.broadcaster.subscribe('a');
  }
}

describe('gapEvent', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  let logged: { mock: { calls: unknown[][] } };
  const clients: Client[] = [];

  async function begin(options: SseModuleOptions = {}): Promise<void> {
    const imports = [SseModule.forRoot(options)];
    running = await start(platforms[0]!, { imports, controllers: [Feeds] });
    broadcaster = running.app.get(SseBroadcaster);
    await broadcaster.publish('a', 'before');
  }
  async function come(path: string, lastEventId = 'none-of-ours'): Promise<Client> {
    const client = await open(running, `/${path}`, { headers: { 'last-event-id': lastEventId } });
    clients.push(client);
    return client;
  }
  /** What a client is told that lost its place, and then an event that is published after that. */
  async function told(path: string) {
    const client = await come(path);
    const gap = await client.event();
    await broadcaster.publish('a', 'next');
    expect(await client.event()).toMatchObject({ data: 'next' });
    return gap;
  }

  beforeEach(() => {
    gapEvent = says('route');
    logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
    jest.restoreAllMocks();
  });

  const gap = (text: string) => ({
    event: 'lost',
    data: `{"text":"${text}","channels":["a"],"reason":"malformed"}`,
  });

  it.each([
    ['module', 'module'],
    ['route', 'route'],
    ['answer', 'answer'],
    ['subscription', 'subscription'],
  ])('is decided by whoever stands nearest to the events: %s', async (path, text) => {
    await begin({ gapEvent: says('module') });
    expect(await told(path)).toMatchObject(gap(text));
  });

  it('is by default an event of the type gapType, whatever makes JSON of the events', async () => {
    await begin({ gapType: 'missed', serialize: () => 'serialized' });
    expect(await told('module')).toMatchObject({ event: 'missed', data: '{"channel":"a","reason":"malformed"}' });
  });

  it('is serialized as all events are', async () => {
    await begin({ gapEvent: () => ({ data: {} }), serialize: () => 'serialized' });
    expect(await told('module')).toMatchObject({ data: 'serialized' });
  });

  it('comes with the position after the gap: whoever comes back with it has missed nothing since', async () => {
    await begin();
    const first = await come('route');
    const { id } = (await first.event())!;
    first.leave();
    await broadcaster.publish('a', 'one');
    const again = await come('route', id);
    await broadcaster.publish('a', 'two');
    expect((await again.events(2)).map(({ data }) => data)).toEqual(['one', 'two']);
  });

  it('is asked once for each reason, with all channels of it', async () => {
    const gaps: SseGap[] = [];
    await begin({ gapEvent: (gap) => (gaps.push(gap), { type: 'lost' }) });
    await broadcaster.publish('b', 'before');
    const client = await come('two');
    expect(await client.event()).toMatchObject({ event: 'lost', data: '' });
    expect(gaps).toEqual([{ channels: ['a', 'b'], reason: 'malformed' }]);
  });

  it.each(['none', 'none-of-two', 'route'])(
    'null: nothing is said, and the client has its new position: %s',
    async (path) => {
      gapEvent = () => null;
      await begin();
      const client = await come(path);
      // In a frame without data, which no listener hears.
      await client.until(({ text }) => /^id: \S+\n: \n\n/.test(text));
      const [, id] = /^id: (\S+)$/m.exec(client.text)!;
      client.leave();
      gapEvent = says('again');
      await broadcaster.publish('a', 'one');
      const again = await come(path, id);
      // Had the position been the old one, the client of `route` would be told of the gap here.
      expect(await again.event()).toMatchObject({ data: 'one' });
      expect(again.text).not.toContain('lost');
    },
  );

  it('null: the state that heals the gap is sent all the same', async () => {
    await begin();
    const client = await come('state');
    expect(await client.event()).toMatchObject({ event: 'state', data: 'all' });
    await broadcaster.publish('a', 'next');
    expect(await client.event()).toMatchObject({ data: 'next' });
  });

  // Where a gap can not be told, going on would hide it.
  it.each<[string, () => unknown, object]>([
    ['returns nothing', () => undefined, { code: 'SSE_INVALID_EVENT' }],
    ['returns what is no event', () => ({ gap: true }), { code: 'SSE_INVALID_EVENT' }],
    ['returns what cannot be sent', () => ({ type: 'a\nb' }), { code: 'SSE_INVALID_TYPE' }],
    ['brings an id', () => ({ data: 'lost', id: 7 }), { code: 'SSE_INVALID_ID' }],
    [
      'throws',
      () => {
        throw new HttpException('A part of the answer is lost', 410);
      },
      { message: 'A part of the answer is lost' },
    ],
  ])('ends the stream with the error event when it %s', async (_, factory, error) => {
    gapEvent = factory as SseGapEventFactory;
    await begin();
    const [last, ...more] = await (await come('route')).rest();
    expect(last).toMatchObject({ event: 'error' });
    expect(more).toEqual([]);
    if ('message' in error) expect(JSON.parse(last!.data)).toEqual({ ...error, statusCode: 410 });
    expect(logged.mock.calls.flat()).toEqual([expect.objectContaining(error)]);
    expect(await (await come('no-error')).rest()).toEqual([]);
  });

  it.each([{ gapEvent: 'gap' }, { errorEvent: {} }])('is a function or null: %p is refused at once', (options) => {
    expect(() => SseModule.forRoot(options as never)).not.toThrow();
    return expect(begin(options as never)).rejects.toMatchObject({ code: 'SSE_INVALID_OPTION' });
  });

  it('is checked when a subscription is made, and an errorEvent when a production is', async () => {
    await begin();
    const refused = { code: 'SSE_INVALID_OPTION' };
    expect(() => broadcaster.subscribe('a', { gapEvent: 'gap' as never })).toThrow(expect.objectContaining(refused));
    await expect(broadcaster.produce('c', [], { errorEvent: 'sorry' as never })).rejects.toMatchObject(refused);
  });
});
