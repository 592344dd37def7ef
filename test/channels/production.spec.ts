import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { Sse, SseBroadcaster, SseModule, type SseModuleOptions, type SseStoredEvent } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed() {
    return this.broadcaster.subscribe('a');
  }
}

describe('what is produced into a channel', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const begin = async (options: SseModuleOptions = {}) => {
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, ...options })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
  };
  afterEach(() => running.app.close());
  const follow = (id: string) => open(running, '/feed', { headers: { 'Last-Event-ID': id } });

  it('is its end, once, and nothing after it, when it was stopped before it began', async () => {
    await begin();
    const producing = broadcaster.produce(
      'a',
      (function* () {
        for (;;) yield 'x';
      })(),
    );
    await broadcaster.stop('a');
    await (
      await producing
    ).done;
    expect(await broadcaster.history('a')).toEqual([]);
    const again = await broadcaster.produce('a', ['y']);
    await again.done;
    expect((await broadcaster.history('a')).map(({ data }) => data)).toEqual(['y']);
  });

  it('has its end also when the event that tells of a failure cannot be made', async () => {
    await begin({
      errorEvent: () => {
        throw new Error('broken');
      },
    });
    const production = await broadcaster.produce(
      'a',
      (async function* () {
        yield await Promise.resolve('one');
        throw new Error('failed');
      })(),
    );
    await production.done;
    expect(await broadcaster.exists('a')).toBe(true);
    const again = await broadcaster.produce('a', []);
    await again.done;
  });

  it('comes from one producer at a time, and whoever has an id of the life before is told of a gap', async () => {
    await begin();
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const production = await broadcaster.produce(
      'a',
      (async function* () {
        yield 'old';
        await gate;
      })(),
    );
    await expect(broadcaster.produce('a', [])).rejects.toMatchObject({ code: 'SSE_PRODUCER_RUNNING' });
    const first = async (): Promise<SseStoredEvent> => (await broadcaster.history('a'))[0] ?? first();
    const old = await first();
    const joined = await follow(old.id);
    release();
    await production.done;
    expect(await joined.rest()).toEqual([]);
    await (
      await broadcaster.produce('a', ['new'])
    ).done;
    expect(await (await follow(old.id)).event()).toMatchObject({ event: 'gap' });
  });
});
