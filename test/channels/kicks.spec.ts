import 'reflect-metadata';
import { Controller, Logger, Query } from '@nestjs/common';
import type { SseSignallingBackplane } from '../../lib/backplane/abilities.js';
import { MemoryBackplane } from '../../lib/backplane/memory-backplane.js';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseModule } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { Gate } from './gates.js';

/** What other nodes say is what a test lets them say. */
class Signals extends MemoryBackplane implements SseSignallingBackplane {
  readonly said: string[] = [];
  hear!: (message: string, ageMs?: number) => void;
  signal(message: string): Promise<void> {
    this.said.push(message);
    return Promise.resolve();
  }
  onSignal(listener: (message: string, ageMs?: number) => void): void {
    this.hear = listener;
  }
}

let handlers: Gate;

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') async feed(@Query('user') user: string, @SseClient() client: SseConnection) {
    await handlers.pass();
    client.context.user = user;
    return this.broadcaster.subscribe('a');
  }
  @Sse('late', { commit: 'firstEvent' }) late(@Query('user') user: string, @SseClient() client: SseConnection) {
    client.context.user = user;
    return this.broadcaster.subscribe('a');
  }
}

describe('a kick', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  let registry: ConnectionRegistry;
  let signals: Signals;
  const clients: Client[] = [];
  const logged: unknown[] = [];

  beforeEach(async () => {
    handlers = new Gate();
    signals = new Signals();
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, backplane: signals })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
    registry = running.app.get(ConnectionRegistry);
    logged.length = 0;
    jest.spyOn(Logger.prototype, 'error').mockImplementation((error: unknown) => void logged.push(error));
  });
  afterEach(async () => {
    handlers.open();
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
    jest.restoreAllMocks();
  });
  const visit = async (path: string) => {
    const client = await open(running, path);
    clients.push(client);
    return client;
  };

  describe('is refused', () => {
    it.each([
      ['user', { user: undefined }],
      ['user', { user: null }],
      ['user', { user: NaN }],
      ['user', { user: Infinity }],
      ['user', { user: {} }],
      ['user', { user: 1n }],
      ['room', { user: 'ann', room: undefined }],
      ['disconnect', {}],
      ['disconnect', ['ann']],
      ['disconnect', null],
      ['disconnect', 'ann'],
    ])('when a tag cannot be told to other nodes as it is, and names it: %s', (name, tags) => {
      expect(() => broadcaster.disconnect(tags as never)).toThrow(
        expect.objectContaining({ code: 'SSE_INVALID_OPTION', message: expect.stringContaining(name) as string }),
      );
      expect(signals.said).toEqual([]);
    });

    it.each([
      'no JSON',
      'null',
      '{}',
      '[]',
      '{"toString":"ann"}',
      '{"constructor":{"tags":{"user":"ann"}}}',
      '{"kick":{"tags":{"user":"ann"}},"stop":"a"}',
      '{"kick":{}}',
      '{"kick":[]}',
      '{"kick":null}',
      '{"kick":"ann"}',
      '{"kick":{"tags":["ann"]}}',
      '{"kick":{"tags":{}}}',
      '{"kick":{"tags":{"user":null}}}',
      '{"kick":{"tags":{"user":{}}}}',
      '{"kick":{"tags":{"user":"ann"},"reason":7}}',
      '{"kick":{"tags":{"user":"ann"},"event":{"data":7}}}',
      '{"kick":{"tags":{"user":"ann"},"event":{"type":"a\\nb","data":""}}}',
      '{"kick":{"tags":{"user":"ann"},"event":{}}}',
      '{"kick":{"tags":{"user":"ann"},"event":null}}',
      '{"membership":null}',
      '{"membership":{"tags":{},"channel":"a"}}',
      '{"membership":{"tags":{"user":"ann"},"channel":7}}',
      '{"membership":{"tags":{"user":"ann"},"channel":"b","from":7}}',
      '{"stop":null}',
      '{"stop":{"name":"a"}}',
    ])('when another node says %s, and that is reported once', async (message) => {
      handlers.open();
      await visit('/feed?user=ann');
      for (let n = 0; n < 3; n++) signals.hear(message);
      expect([...registry.all].map(({ state }) => state)).toEqual(['open']);
      expect(logged).toEqual([expect.objectContaining({ name: 'SseError', code: 'SSE_UNSUPPORTED' })]);
    });
  });

  it('of this node is understood by another, with its last event', async () => {
    handlers.open();
    const client = await visit('/feed?user=ann');
    broadcaster.disconnect({ user: 'bob', isAdmin: true, level: 7 }, 'banned');
    broadcaster.disconnect({ user: 'ann' }, { event: { type: 'bye', data: { n: 1 } } });
    expect((await client.rest()).map(({ event, data }) => [event, data])).toEqual([['bye', '{"n":1}']]);
    const again = await visit('/feed?user=ann');
    for (const message of signals.said) signals.hear(message);
    expect((await again.rest()).map(({ event, data }) => [event, data])).toEqual([['bye', '{"n":1}']]);
    expect(logged).toEqual([]);
  });

  const KICKS: Record<string, () => unknown> = {
    tags: () => broadcaster.disconnect({ user: 'ann' }, { event: 'goodbye' }),
    'a predicate': () => broadcaster.disconnect(({ context }) => context.user === 'ann', { event: 'goodbye' }),
    'another node': () =>
      signals.hear(JSON.stringify({ kick: { tags: { user: 'ann' }, event: { kind: 'event', data: 'goodbye' } } }), 0),
  };

  // It was compared with connections that are open: who was let in a moment later saw what followed.
  describe.each(Object.keys(KICKS))('by %s', (by) => {
    it('reaches whom it means while the handler has yet to set the tags, and nobody who comes after it', async () => {
      const early = visit('/feed?user=ann');
      const other = visit('/feed?user=bob');
      await until(() => handlers.arrived === 2);
      KICKS[by]!();
      // A signal is as old as a millisecond tells.
      const { arrivedAt } = [...registry.all].at(-1)!;
      await until(() => Date.now() > arrivedAt);
      const late = visit('/feed?user=ann');
      await until(() => handlers.arrived === 3);
      handlers.open();
      const followers = await Promise.all([early, other, late]);
      await until(() => broadcaster.subscribers('a') === 2);
      await broadcaster.publish('a', 'secret');
      expect((await followers[0].rest()).map(({ data }) => data)).toEqual(['goodbye']);
      expect(await followers[1].event()).toMatchObject({ data: 'secret' });
      expect(await followers[2].event()).toMatchObject({ data: 'secret' });
    });

    it('reaches who waits for a first event, which is not sent', async () => {
      const early = visit('/late?user=ann');
      await until(() => registry.all.size === 1 && [...registry.all][0]!.context.user === 'ann');
      KICKS[by]!();
      await broadcaster.publish('a', 'secret');
      expect((await (await early).rest()).map(({ data }) => data)).toEqual(['goodbye']);
    });
  });

  it('is forgotten when nobody is opening any more, and a thousand are remembered at most', async () => {
    const remembered = (broadcaster as unknown as { kicks: { remembered: { size: number } } }).kicks.remembered;
    broadcaster.disconnect({ user: 'x' });
    expect(remembered.size).toBe(0);
    const early = visit('/feed?user=ann');
    await until(() => handlers.arrived === 1);
    for (let n = 0; n < 1_000; n++) broadcaster.disconnect({ user: `x${n}` });
    expect(remembered.size).toBe(1_000);
    const late = visit('/feed?user=ann');
    await until(() => handlers.arrived === 2);
    // Whom the first one meant is not known any more: who was opening then is sent away, and comes again.
    broadcaster.disconnect({ user: 'one too many' });
    expect(await (await early).rest()).toEqual([]);
    handlers.open();
    const client = await late;
    await until(() => broadcaster.subscribers('a') === 1);
    broadcaster.disconnect({ user: 'x' });
    expect(remembered.size).toBe(0);
    await broadcaster.publish('a', 'here');
    expect(await client.event()).toMatchObject({ data: 'here' });
  });

  it('by a predicate that throws for one that was opening does that one no harm', async () => {
    const early = visit('/feed?user=ann');
    await until(() => handlers.arrived === 1);
    broadcaster.disconnect(({ context }) => {
      if (context.user !== undefined) throw new Error('a broken predicate');
      return false;
    });
    handlers.open();
    const client = await early;
    await until(() => broadcaster.subscribers('a') === 1);
    await broadcaster.publish('a', 'here');
    expect(await client.event()).toMatchObject({ data: 'here' });
    expect(logged).toEqual([expect.objectContaining({ message: 'a broken predicate' })]);
  });
});
