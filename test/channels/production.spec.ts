import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import {
  Sse,
  SseBroadcaster,
  SseModule,
  type SseModuleOptions,
  type SseProduction,
  type SseStoredEvent,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { Gate } from './gates.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed() {
    return this.broadcaster.subscribe('a');
  }
  @Sse('watch') async watch() {
    return (await this.broadcaster.exists('a')) ? this.broadcaster.subscribe('a', { from: 'earliest' }) : null;
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

  const watch = async () => {
    const client = await open(running, '/watch');
    return { client, status: client.status, events: await client.rest() };
  };
  const brief = (events: readonly { event?: string | undefined; data: string }[]) =>
    events.map(({ event, data }) => (event === undefined ? data : `${event}: ${data}`));

  it('ends with an event that tells of the failure, for who watches and for who comes later', async () => {
    await begin();
    const gate = new Gate();
    const production = await broadcaster.produce(
      'a',
      (async function* () {
        yield 'one';
        await gate.pass();
        throw new Error('the password is 1234');
      })(),
    );
    const watching = watch();
    await until(() => broadcaster.subscribers('a') === 1);
    gate.open();
    await production.done;
    const [live, late] = [await watching, await watch()];
    expect(brief(live.events)).toEqual(['one', expect.stringMatching(/^error: /)]);
    expect(live.client.text).not.toContain('1234');
    expect(late.events).toEqual(live.events);
    expect((await broadcaster.history('a')).map(({ type }) => type)).toEqual([undefined, 'error']);
  });

  it('is released by stop(), once, and whoever watches gets what there was and the end', async () => {
    await begin();
    const gate = new Gate();
    let released = 0;
    await broadcaster.produce(
      'a',
      (async function* () {
        try {
          yield 'one';
          await gate.pass();
          yield 'two';
        } finally {
          released++;
        }
      })(),
    );
    const watching = watch();
    await until(() => broadcaster.subscribers('a') === 1);
    expect(await Promise.all([broadcaster.stop('a'), broadcaster.stop('a')])).toEqual([true, true]);
    expect(brief((await watching).events)).toEqual(['one']);
    expect(await broadcaster.stop('a')).toBe(false);
    gate.open();
    await until(() => released > 0);
    expect(brief((await watch()).events)).toEqual(['one']);
    expect(released).toBe(1);
  });

  it('is read by who was there before it began, and begins anew after its end', async () => {
    await begin();
    const early = await open(running, '/feed');
    for (const word of ['first', 'second']) {
      const production = await broadcaster.produce('a', [word]);
      await production.done;
      expect((await broadcaster.history('a')).map(({ data }) => data)).toEqual([word]);
      expect(brief((await watch()).events)).toEqual([word]);
    }
    // Its stream ended with the first: who wants the second comes again.
    expect(brief(await early.rest())).toEqual(['first']);
  });

  it('is there until its history expires, and then there is nothing: 204', async () => {
    await begin({ history: { maxAgeMs: 200 } });
    await (
      await broadcaster.produce('a', ['one', 'two'])
    ).done;
    const { status, events } = await watch();
    expect([status, brief(events)]).toEqual([200, ['one', 'two']]);
    while (await broadcaster.exists('a')) await new Promise(setImmediate);
    expect((await watch()).status).toBe(204);
    const again = await broadcaster.produce('a', ['three']);
    await again.done;
    expect(brief((await watch()).events)).toEqual(['three']);
  });

  it('is one at a time also for two that begin in the same turn: the other source is released unread', async () => {
    await begin();
    const read: string[] = [];
    const source = async function* (name: string) {
      read.push(name);
      yield await Promise.resolve(name);
    };
    const two = await Promise.allSettled([
      broadcaster.produce('a', source('one')),
      broadcaster.produce('a', source('two')),
    ]);
    expect(two.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(two[1]).toMatchObject({ reason: { code: 'SSE_PRODUCER_RUNNING' } });
    await (two[0] as PromiseFulfilledResult<SseProduction>).value.done;
    expect(read).toEqual(['one']);
    expect((await broadcaster.history('a')).map(({ data }) => data)).toEqual(['one']);
  });
});
