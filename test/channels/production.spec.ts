import 'reflect-metadata';
import { getEventListeners, getMaxListeners } from 'node:events';
import { Controller, Logger } from '@nestjs/common';
import type { SseProducerLease, SseProducingBackplane, SseSignallingBackplane } from '../../lib/backplane/abilities.js';
import type { SseBackplaneEvent, SsePublishSettings } from '../../lib/backplane/backplane.js';
import { MemoryBackplane } from '../../lib/backplane/memory-backplane.js';
import {
  Sse,
  SseBroadcaster,
  SseError,
  SseModule,
  type SseModuleOptions,
  type SseProduceOptions,
  type SseProduction,
  type SseStoredEvent,
} from '../../lib/index.js';
import { age } from '../support/clock.js';
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

  it.each<[string, SseProduceOptions, unknown[], string]>([
    ['as text in a channel of strings', {}, ['one'], 'error: Internal server error'],
    ['as JSON in one of JSON', {}, ['one', { data: 1 }], 'error: {"message":"Internal server error","statusCode":500}'],
    [
      'as the production says',
      { errorEvent: (_, isText) => ({ type: 'sorry', data: { isText } }) },
      ['one'],
      'sorry: {"isText":true}',
    ],
  ])('tells of a failure %s', async (_, options, values, told) => {
    await begin();
    const source = (async function* () {
      yield* values;
      throw new Error('the password is 1234');
    })();
    await (
      await broadcaster.produce('a', source, options)
    ).done;
    expect(brief((await watch()).events).at(-1)).toBe(told);
  });

  it("takes every value for data with as: 'data', of the production or of the module", async () => {
    const chunk = { type: 'delta', id: 7, text: 'Hi' };
    await begin();
    await (
      await broadcaster.produce('a', [chunk], { as: 'data' })
    ).done;
    expect(brief((await watch()).events)).toEqual([JSON.stringify(chunk)]);
    await running.app.close();
    await begin({ as: 'data' });
    await (
      await broadcaster.produce('a', [chunk])
    ).done;
    expect(brief((await watch()).events)).toEqual([JSON.stringify(chunk)]);
    await expect(broadcaster.produce('b', [], { as: 'rows' as never })).rejects.toMatchObject({
      code: 'SSE_INVALID_OPTION',
    });
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
    await begin({ history: { maxAgeMs: 60_000 } });
    await (
      await broadcaster.produce('a', ['one', 'two'])
    ).done;
    const { status, events } = await watch();
    expect([status, brief(events)]).toEqual([200, ['one', 'two']]);
    age(60_001);
    expect(await broadcaster.exists('a')).toBe(false);
    expect((await watch()).status).toBe(204);
    const again = await broadcaster.produce('a', ['three']);
    await again.done;
    expect(brief((await watch()).events)).toEqual(['three']);
  });

  // Who came late to an answer of 2,500 tokens got tokens 1,501 on, in silence.
  it.each([{}, { maxEvents: 10, maxBytes: 2_000 }])(
    'is kept from its first event, whatever its length and the history (%p)',
    async (history) => {
      await begin({ history });
      const production = await broadcaster.produce(
        'a',
        (function* () {
          for (let n = 0; n < 10_000; n++) yield `token ${n}`;
        })(),
      );
      await production.done;
      const { events } = await watch();
      expect(brief(events)).toEqual(Array.from({ length: 10_000 }, (_, n) => `token ${n}`));
      // What is published after it is a channel as any other.
      for (let n = 0; n < 20; n++) await broadcaster.publish('a', 'x'.repeat(900));
      expect((await broadcaster.history('a', { limit: 100 })).length).toBe('maxEvents' in history ? 1 : 20);
    },
  );

  it('is kept whole while it is going on for longer than an event lives, and then expires as a whole', async () => {
    await begin({ history: { maxAgeMs: 60_000 } });
    const gate = new Gate();
    const production = await broadcaster.produce(
      'a',
      (async function* () {
        yield 'one';
        for (let n = 0; n < 4; n++) {
          age(30_000);
          yield 'more';
        }
        await gate.pass();
        yield 'last';
      })(),
    );
    await until(() => gate.arrived === 1);
    gate.open();
    await production.done;
    const { events } = await watch();
    expect([events[0]?.data, events.at(-1)?.data]).toEqual(['one', 'last']);
    age(60_001);
    expect(await broadcaster.exists('a')).toBe(false);
    expect((await watch()).status).toBe(204);
  });

  it('fails, with what it has told so far and an error that says why, when it is more than is kept of one', async () => {
    const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    await begin();
    let released = 0;
    const production = await broadcaster.produce(
      'a',
      (function* () {
        try {
          for (;;) yield 'x'.repeat(1_000);
        } finally {
          released++;
        }
      })(),
      { maxBytes: 100_000 },
    );
    await production.done;
    expect(released).toBe(1);
    expect(logged).toHaveBeenCalledWith(expect.objectContaining({ code: 'SSE_PRODUCTION_TOO_LARGE' }));
    const events = brief((await watch()).events);
    expect(events.length).toBe(Math.floor(100_000 / 1_256) + 1);
    expect(events.at(-1)).toMatch(/^error: /);
    await expect(broadcaster.produce('b', [], { maxBytes: 0 })).rejects.toMatchObject({ code: 'SSE_INVALID_OPTION' });
    logged.mockRestore();
  });

  describe('when the store fails,', () => {
    const away = () => new SseError('SSE_BACKPLANE_UNAVAILABLE', 'the store is away');
    /** A store that is away while a test wants it to be, and that knows who produces. */
    class Failing extends MemoryBackplane implements SseProducingBackplane {
      fails: (event: SseBackplaneEvent) => boolean = () => false;
      refused = 0;
      count = 0;
      held = new Set<string>();
      lose: () => void = () => undefined;
      override publish(...args: Parameters<MemoryBackplane['publish']>) {
        if (!this.fails(args[1])) return super.publish(...args);
        this.refused++;
        return Promise.reject(away());
      }
      produce(
        channel: string,
        _: unknown,
        { history }: Pick<SsePublishSettings, 'history'>,
        onLost: (why: 'taken' | 'gone') => void,
      ) {
        if (this.held.has(channel)) return Promise.resolve(undefined);
        this.held.add(channel);
        this.lose = () => {
          this.held.delete(channel);
          onLost('taken');
        };
        const id = `producer ${++this.count}`;
        const lease: SseProducerLease = {
          id,
          publish: async (event, number, settings) =>
            await this.publish(channel, event, { ...settings, key: `${id}, ${number}` }),
          end: async (events) => {
            const refused = events.find((event) => this.fails(event));
            for (const event of refused ? [refused] : events) await this.publish(channel, event, { history });
            await lease.release();
          },
          release: () => Promise.resolve(void this.held.delete(channel)),
        };
        return Promise.resolve(lease);
      }
      producing(channel: string) {
        return Promise.resolve({ producer: this.held.has(channel) ? `producer ${this.count}` : undefined });
      }
    }
    let backplane: Failing;
    beforeEach(async () => {
      backplane = new Failing();
      jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
      await begin({ backplane, productions: { unavailableMs: 200 } });
    });
    afterEach(() => jest.restoreAllMocks());
    const tokens = async function* (gate: Gate) {
      yield 'one';
      await gate.pass();
      for (;;) yield 'more';
    };

    // `done` resolved, no reader heard of an end, and produce() said that it was running from then on.
    it('the failure and the end are stored as soon as it is back, once, and another can begin', async () => {
      const gate = new Gate();
      const production = await broadcaster.produce('a', tokens(gate));
      const watching = watch();
      await until(() => broadcaster.subscribers('a') === 1);
      backplane.fails = () => true;
      gate.open();
      await until(() => backplane.refused > 3);
      await expect(broadcaster.produce('a', [])).rejects.toMatchObject({ code: 'SSE_PRODUCER_RUNNING' });
      backplane.fails = () => false;
      await production.done;
      expect(brief((await watching).events)).toEqual(['one', expect.stringMatching(/^error: /)]);
      expect([...backplane.held]).toEqual([]);
      await (
        await broadcaster.produce('a', ['two'])
      ).done;
      expect(brief((await watch()).events)).toEqual(['two']);
    });

    it('for a moment, the source waits, and no token is lost or stored twice', async () => {
      const tokens = Array.from({ length: 100 }, (_, n) => `token ${n}`);
      let tries = 0;
      const publish = backplane.publish.bind(backplane);
      // One in fifteen is refused, and one in ten is stored, but that is not heard.
      backplane.publish = (...args) => {
        if (args[1].kind !== 'event') return publish(...args);
        tries++;
        if (tries % 10 === 0) void publish(...args);
        return tries % 10 === 0 || tries % 15 === 0 ? Promise.reject(away()) : publish(...args);
      };
      const production = await broadcaster.produce('a', tokens);
      await production.done;
      expect(brief((await watch()).events)).toEqual(tokens);
      expect(tries).toBeGreaterThan(tokens.length);
    });

    // Its end was stored, as if nothing was missing before it.
    it('for too long, and its source has completed meanwhile, readers are told that it failed', async () => {
      const gate = new Gate();
      const production = await broadcaster.produce('a', async function* () {
        yield 'one';
        await gate.pass();
        yield* ['two', 'three'];
      });
      const watching = watch();
      await until(() => broadcaster.subscribers('a') === 1);
      backplane.fails = ({ kind, type }) => kind === 'event' && type === undefined;
      gate.open();
      await production.done;
      expect(brief((await watching).events)).toEqual(['one', expect.stringMatching(/^error: /)]);
      expect((await broadcaster.history('a')).map(({ type }) => type)).toEqual([undefined, 'error']);
    });

    it('at its beginning, it is refused and the channel is free', async () => {
      backplane.fails = ({ kind }) => kind === 'start';
      await expect(broadcaster.produce('a', ['x'])).rejects.toMatchObject({ code: 'SSE_BACKPLANE_UNAVAILABLE' });
      expect([...backplane.held]).toEqual([]);
      backplane.fails = () => false;
      await (
        await broadcaster.produce('a', ['y'])
      ).done;
      expect(brief((await watch()).events)).toEqual(['y']);
    });

    it('the application closes all the same', async () => {
      const gate = new Gate();
      const production = await broadcaster.produce('a', tokens(gate));
      backplane.fails = () => true;
      gate.open();
      await until(() => backplane.refused > 1);
      await running.app.close();
      await production.done;
      expect([...backplane.held]).toEqual([]);
    });

    // It was asked three times more, for publishTimeoutMs each, and the application closed that much later.
    it('it is not asked again by an application that closes', async () => {
      const gate = new Gate();
      let signal!: AbortSignal;
      const production = await broadcaster.produce('a', (given: AbortSignal) => {
        signal = given;
        return tokens(gate);
      });
      let asked = 0;
      let refuse!: () => void;
      backplane.publish = () => {
        asked++;
        return new Promise((_, reject) => (refuse = () => reject(away())));
      };
      gate.open();
      await until(() => asked === 1);
      const closing = running.app.close();
      await until(() => signal.aborted);
      refuse();
      await production.done;
      await closing;
      expect(asked).toBe(1);
      expect([...backplane.held]).toEqual([]);
    });

    it('what was to be tried again is not, when its lease is lost meanwhile: it would begin another life', async () => {
      const gate = new Gate();
      const production = await broadcaster.produce('a', tokens(gate));
      backplane.fails = ({ kind }) => kind === 'event';
      gate.open();
      await until(() => backplane.refused > 0);
      backplane.lose();
      await broadcaster.end('a');
      backplane.fails = () => false;
      await production.done;
      expect((await broadcaster.history('a')).map(({ data }) => data)).toEqual(['one']);
    });

    // Node wrote of a possible memory leak when the eleventh began to wait.
    it('many wait for it at the same time, and Node warns of nothing', async () => {
      await running.app.close();
      await begin({ backplane: (backplane = new Failing()), productions: { unavailableMs: 60_000 } });
      const { signal } = broadcaster['productions']['stopping'];
      backplane.fails = ({ kind }) => kind === 'event';
      const names = Array.from({ length: 11 }, (_, n) => `channel ${n}`);
      for (const name of names) await broadcaster.produce(name, ['x']);
      await until(() => getEventListeners(signal, 'abort').length === names.length);
      expect(getMaxListeners(signal)).toBeGreaterThan(names.length);
      backplane.fails = () => false;
      await until(() => backplane.held.size === 0);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    });

    it('nothing is stored any more by one that has lost its lease, and another can begin', async () => {
      const gate = new Gate();
      const production = await broadcaster.produce('a', tokens(gate));
      backplane.lose();
      await production.done;
      expect((await broadcaster.history('a')).map(({ data }) => data)).toEqual(['one']);
      await (
        await broadcaster.produce('a', ['two'])
      ).done;
      expect(brief((await watch()).events)).toEqual(['two']);
    });
  });

  // It stopped what was about to be refused here, answered true, and the other node went on.
  it('is stopped where it runs, also while this node asks whether it may produce', async () => {
    class Elsewhere extends MemoryBackplane implements SseProducingBackplane, SseSignallingBackplane {
      producer: string | undefined = 'another one';
      readonly signals: string[] = [];
      produce() {
        return Promise.resolve(undefined);
      }
      producing() {
        return Promise.resolve({ producer: this.producer });
      }
      signal(message: string) {
        this.signals.push(message);
        this.producer = undefined;
        return Promise.resolve();
      }
      onSignal() {}
    }
    const backplane = new Elsewhere();
    await begin({ backplane });
    const refused = expect(broadcaster.produce('a', [])).rejects.toMatchObject({ code: 'SSE_PRODUCER_RUNNING' });
    expect(await broadcaster.stop('a')).toBe(true);
    expect(backplane.signals).toEqual(['{"stop":{"channel":"a","producer":"another one"}}']);
    await refused;
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
