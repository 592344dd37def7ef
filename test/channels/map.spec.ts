import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Controller, HttpException, Logger, Query } from '@nestjs/common';
import {
  Sse,
  SseBroadcaster,
  SseModule,
  type SseEventLike,
  type SseModuleOptions,
  type SseStoredEvent,
} from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

/** An envelope with an id of the client's own, as JSON-RPC has it. */
const enveloped =
  (request: string) =>
  ({ type, data }: SseStoredEvent): SseEventLike => ({ data: { request, type, data } });
let map: (event: SseStoredEvent) => unknown;

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('one', { done: 'bye' }) one(@Query('request') request: string) {
    return this.broadcaster.subscribe('a', { from: 'earliest', map: enveloped(request) });
  }
  @Sse('odd') odd() {
    const filter = ({ data }: SseStoredEvent) => data !== '2';
    return this.broadcaster.subscribe('a', { from: 'earliest', filter, map: enveloped('odd') });
  }
  @Sse('two') two() {
    return this.broadcaster.subscribe(['a', 'b'], { from: 'earliest', map: enveloped('two') });
  }
  @Sse('broken') broken() {
    return this.broadcaster.subscribe('a', { map: (event) => map(event) as SseEventLike });
  }
  @Sse('state') state() {
    return this.broadcaster.subscribe('a', { snapshot: () => ({ data: 'state' }), map: enveloped('state') });
  }
}

describe('map of a subscription', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const clients: Client[] = [];

  async function begin(options: SseModuleOptions = {}): Promise<void> {
    running = await start(platforms[0]!, { imports: [SseModule.forRoot(options)], controllers: [Feeds] });
    broadcaster = running.app.get(SseBroadcaster);
  }
  async function come(path: string, lastEventId?: string): Promise<Client> {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const client = await open(running, `/${path}`, { headers });
    clients.push(client);
    return client;
  }
  const publish = async (...data: string[]) => {
    for (const one of data) await broadcaster.publish('a', one);
  };
  const read = (events: readonly { data: string }[]) => events.map(({ data }) => JSON.parse(data) as unknown);

  beforeEach(() => jest.spyOn(Logger.prototype, 'error').mockReturnValue());
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
    jest.restoreAllMocks();
  });

  it('makes what each client gets, kept or live, with the ids that all others get', async () => {
    await begin();
    await publish('1');
    const [one, other] = [await come('one?request=7'), await come('one?request=x')];
    const kept = [await one.event(), await other.event()];
    await publish('2');
    const live = [await one.event(), await other.event()];
    expect(read([...kept, ...live].map((event) => event!))).toEqual([
      { request: '7', data: '1' },
      { request: 'x', data: '1' },
      { request: '7', data: '2' },
      { request: 'x', data: '2' },
    ]);
    const ids = (await broadcaster.history('a')).map(({ id }) => id);
    expect([...kept, ...live].map((event) => event!.id)).toEqual([ids[0], ids[0], ids[1], ids[1]]);
    // Whoever has the first goes on with the second.
    expect(read([(await (await come('one?request=8', ids[0])).event())!])).toEqual([{ request: '8', data: '2' }]);
  });

  it('is asked about what the filter lets through, and on several channels', async () => {
    await begin();
    await publish('1', '2', '3');
    await broadcaster.publish('b', { type: 'other', data: '4' });
    expect(read(await (await come('odd')).events(2))).toEqual([
      { request: 'odd', data: '1' },
      { request: 'odd', data: '3' },
    ]);
    const two = await (await come('two')).events(4);
    expect(read(two)[3]).toEqual({ request: 'two', type: 'other', data: '4' });
    expect(read(await (await come('two', two[2]!.id)).events(1))).toEqual([read(two)[3]]);
  });

  it('is asked about the error event of a production, and not about its end', async () => {
    await begin();
    const failing = async function* () {
      yield await Promise.resolve('1');
      throw new HttpException('sorry', 418);
    };
    await (
      await broadcaster.produce('a', failing())
    ).done;
    const events = await (await come('one?request=7')).rest();
    expect(events.map(({ data }) => data)).toEqual([
      '{"request":"7","data":"1"}',
      '{"request":"7","type":"error","data":"sorry"}',
      'bye',
    ]);
  });

  it('is not asked about gaps and snapshots, which are made for the subscription', async () => {
    await begin();
    await publish('1');
    const client = await come('state', 'none-of-ours');
    expect(await client.events(2)).toMatchObject([{ event: 'gap' }, { data: 'state' }]);
    await publish('2');
    expect(read([(await client.event())!])).toEqual([{ request: 'state', data: '2' }]);
  });

  it('makes text of data as the application does', async () => {
    await begin({ serialize: () => 'serialized' });
    await publish('1');
    expect(await (await come('one?request=7')).event()).toMatchObject({ data: 'serialized' });
  });

  it.each<[string, () => unknown, object]>([
    ['returns nothing', () => undefined, { code: 'SSE_INVALID_EVENT' }],
    ['answers later', () => Promise.resolve({ data: 1 }), { code: 'SSE_INVALID_EVENT' }],
    ['brings an id', () => ({ data: 1, id: 7 }), { code: 'SSE_INVALID_ID' }],
    [
      'throws',
      () => {
        throw new Error('broken');
      },
      { message: 'broken' },
    ],
  ])('ends the stream, and no other, when it %s', async (_, broken, error) => {
    await begin();
    map = broken;
    const [client, other] = [await come('broken'), await come('one?request=7')];
    await publish('1');
    expect(await client.rest()).toMatchObject([{ event: 'error' }]);
    expect(jest.mocked(Logger.prototype.error).mock.calls.flat()).toEqual([expect.objectContaining(error)]);
    await publish('2');
    expect(await other.events(2)).toHaveLength(2);
  });
});
