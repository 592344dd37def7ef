import 'reflect-metadata';
import { Controller, Logger } from '@nestjs/common';
import { inspect } from 'node:util';
import { Subject } from 'rxjs';
import { MemoryBackplane } from '../../lib/backplane/memory-backplane.js';
import {
  Sse,
  SseBroadcaster,
  SseError,
  SseModule,
  SseShutdownService,
  type SseModuleOptions,
  type SseProduceOptions,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { Gate } from './gates.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('watch') watch() {
    return this.broadcaster.subscribe('a', { from: 'earliest' });
  }
}

describe('an answer', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  const begin = async (options: SseModuleOptions = {}) => {
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, ...options })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
  };
  beforeEach(() => jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined));
  afterEach(async () => {
    await running.app.close();
    jest.restoreAllMocks();
  });
  const stored = async () => (await broadcaster.history('a', { limit: 10_000 })).map(({ data }) => data);
  const run = async (source: object, options?: SseProduceOptions) => {
    const production = await broadcaster.produce('a', source, options);
    await production.done;
    return await stored();
  };

  describe('made by a function', () => {
    it('is asked for when the channel is its own, and has a signal that is not aborted by its end', async () => {
      await begin();
      const gate = new Gate();
      const signals: AbortSignal[] = [];
      const make = async function* (signal: AbortSignal) {
        signals.push(signal);
        await gate.pass();
        yield 'one';
      };
      const production = await broadcaster.produce('a', make);
      await expect(broadcaster.produce('a', make)).rejects.toMatchObject({ code: 'SSE_PRODUCER_RUNNING' });
      gate.open();
      await production.done;
      expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
      expect(await stored()).toEqual(['one']);
      expect(await broadcaster.status('a')).toEqual({ status: 'completed' });
    });

    it('aborts the signal at once when it is stopped while the source is being made, which is not begun then', async () => {
      await begin();
      const gate = new Gate();
      let signal!: AbortSignal;
      const read: string[] = [];
      const production = await broadcaster.produce('a', async (given: AbortSignal) => {
        signal = given;
        await gate.pass();
        return (async function* () {
          read.push('read');
          yield await Promise.resolve('too late');
        })();
      });
      const stopped = production.stop();
      expect(signal.aborted).toBe(true);
      await stopped;
      gate.open();
      await new Promise(setImmediate);
      expect(read).toEqual([]);
      expect(await stored()).toEqual([]);
      expect(await broadcaster.status('a')).toEqual({ status: 'stopped' });
    });

    it('is over also when its generator never yields again', async () => {
      await begin();
      const production = await broadcaster.produce('a', async function* () {
        yield 'one';
        await new Promise(() => undefined);
      });
      await until(() => broadcaster.subscribers('a') === 0);
      expect(await broadcaster.stop('a')).toBe(true);
      await production.done;
      expect(await stored()).toEqual(['one']);
      expect(await broadcaster.stop('a')).toBe(false);
    });

    it.each<[string, () => unknown]>([
      [
        'throws',
        () => {
          throw new Error('no model');
        },
      ],
      ['rejects', () => Promise.reject(new Error('no model'))],
      ['makes no source', () => 7],
    ])('fails when it %s, and aborts the signal', async (_, make) => {
      await begin({ errorEvent: () => ({ type: 'error', data: { message: 'sorry' } }) });
      let signal!: AbortSignal;
      const production = await broadcaster.produce('a', (given: AbortSignal) => {
        signal = given;
        return make();
      });
      await production.done;
      expect(signal.aborted).toBe(true);
      expect(await stored()).toEqual(['{"message":"sorry"}']);
      expect(await broadcaster.status('a')).toEqual({ status: 'failed', message: 'sorry' });
    });
  });

  describe('says what has become of it:', () => {
    it('running, none, and none again for a channel that ended without one', async () => {
      await begin();
      expect(await broadcaster.status('a')).toEqual({ status: 'none' });
      const production = await broadcaster.produce('a', new Subject());
      expect(await broadcaster.status('a')).toEqual({ status: 'running' });
      await production.stop();
      await broadcaster.publish('a', 'a new life');
      expect(await broadcaster.status('a')).toEqual({ status: 'none' });
      await broadcaster.end('a');
      expect(await broadcaster.status('a')).toEqual({ status: 'none' });
    });

    it('failed, with the text that clients were told, and without one when they were told nothing', async () => {
      await begin();
      const failing = () => new Error('the password is 1234');
      const production = async (options?: SseProduceOptions) => {
        await run(
          (async function* () {
            yield await Promise.resolve('text');
            throw failing();
          })(),
          options,
        );
        return await broadcaster.status('a');
      };
      expect(await production()).toEqual({ status: 'failed', message: 'Internal server error' });
      expect(await production({ errorEvent: () => null })).toEqual({ status: 'failed' });
    });
  });

  describe('in batches', () => {
    const manual = (options: SseProduceOptions = { batch: { ms: 60_000 } }) => {
      const subject = new Subject<unknown>();
      return { subject, begun: broadcaster.produce('a', subject, options) };
    };

    it('is stored whole, its first token at once, the rest when it ends', async () => {
      await begin();
      const { subject, begun } = manual();
      const production = await begun;
      subject.next('A');
      expect(await stored()).toEqual(['A']);
      for (const token of ['B', 'C', 'D']) subject.next(token);
      expect(await stored()).toEqual(['A']);
      subject.complete();
      await production.done;
      expect(await stored()).toEqual(['A', 'BCD']);
    });

    it('is stored at once when as many were merged as may be', async () => {
      await begin();
      const { subject, begun } = manual({ batch: { ms: 60_000, events: 3 } });
      const production = await begun;
      for (const token of 'ABCDEFGH') subject.next(token);
      expect(await stored()).toEqual(['A', 'BCD', 'EFG']);
      await production.stop();
      expect(await stored()).toEqual(['A', 'BCD', 'EFG', 'H']);
    });

    it('keeps apart, and in order, what cannot be merged', async () => {
      await begin();
      const { subject, begun } = manual();
      const production = await begun;
      for (const value of ['A', 'B', { data: 1 }, 'C', 'D', { data: 2 }]) subject.next(value);
      await production.stop();
      expect(await stored()).toEqual(['A', 'B', '1', 'CD', '2']);
    });

    it('merges as it is told', async () => {
      await begin();
      type Delta = { type: string; data: { text: string } };
      const merge = (a: Delta, b: Delta) =>
        a.type === b.type ? { ...a, data: { text: a.data.text + b.data.text } } : undefined;
      const { subject, begun } = manual({ batch: { ms: 60_000, merge } });
      const production = await begun;
      for (const text of 'ABC') subject.next({ type: 'delta', data: { text } });
      subject.next({ type: 'usage', data: { text: '3' } });
      await production.stop();
      expect((await broadcaster.history('a')).map(({ type, data }) => [type, data])).toEqual([
        ['delta', '{"text":"A"}'],
        ['delta', '{"text":"BC"}'],
        ['usage', '{"text":"3"}'],
      ]);
    });

    it('stores what waits when its time has come, and what comes after a pause at once', async () => {
      await begin();
      const { subject, begun } = manual({ batch: { ms: 20 } });
      const production = await begun;
      subject.next('A');
      subject.next('B');
      const client = await open(running, '/watch');
      expect((await client.events(2)).map(({ data }) => data)).toEqual(['A', 'B']);
      await new Promise((resolve) => setTimeout(resolve, 40));
      subject.next('C');
      expect(await stored()).toEqual(['A', 'B', 'C']);
      await production.stop();
    });

    it.each<[string, SseProduceOptions]>([
      [
        'merge throws',
        {
          batch: {
            ms: 5,
            merge: () => {
              throw new Error('broken');
            },
          },
        },
      ],
      ['what was merged cannot be sent', { batch: { ms: 5, merge: () => ({ data: Buffer.from('x') }) } }],
    ])('fails, with its end, when %s', async (_, options) => {
      await begin();
      const { subject, begun } = manual(options);
      const production = await begun;
      for (const token of 'ABC') subject.next(token);
      await production.done;
      expect((await stored())[0]).toBe('A');
      expect(await broadcaster.status('a')).toMatchObject({ status: 'failed' });
    });

    it('fails behind what was merged before it failed', async () => {
      await begin();
      const { subject, begun } = manual();
      const production = await begun;
      for (const token of 'ABC') subject.next(token);
      subject.error(new Error('the model is gone'));
      await production.done;
      expect(await stored()).toEqual(['A', 'BC', 'Internal server error']);
    });

    // Only what could not be sent was reported, and nobody ever heard why the source had failed.
    it('reports why it failed, also when what was merged cannot be sent', async () => {
      await begin();
      const { subject, begun } = manual({ batch: { ms: 60_000, merge: () => ({ data: Buffer.from('x') }) } });
      const production = await begun;
      for (const token of 'ABC') subject.next(token);
      const reason = new Error('the model is gone');
      subject.error(reason);
      await production.done;
      expect(await stored()).toEqual(['A', 'Internal server error']);
      expect(jest.mocked(Logger.prototype.error).mock.calls.flat()).toContain(reason);
    });

    it.each([{ ms: -1 }, { events: 0 }, { merge: 'text' as never }, 7 as never])('refuses %p', async (batch) => {
      await begin();
      await expect(broadcaster.produce('a', [], { batch })).rejects.toMatchObject({ code: 'SSE_INVALID_OPTION' });
    });
  });

  // It showed the backplane, with the secret that positions are made of, to whoever a handler had returned it to.
  it('shows nothing of the backplane to a client or a log', async () => {
    await begin();
    const production = await broadcaster.produce('a', new Subject());
    expect(JSON.parse(JSON.stringify(production))).toEqual({ channel: 'a', done: {} });
    expect(inspect(production)).not.toContain('backplane');
    // Nor does what leads to it by another way.
    const memory = JSON.stringify(new MemoryBackplane());
    expect(memory).not.toMatch(/secret|pool/);
    await production.stop();
  });

  // Who was here when something was lost goes on behind it. Who says that it was, and was not, does not.
  it('shows nothing of what came before to who comes with an id that nobody knows', async () => {
    await begin();
    const subject = new Subject<string>();
    const production = await broadcaster.produce('a', subject);
    subject.next('before');
    const guess = await open(running, '/watch', { headers: { 'Last-Event-ID': 'AAAAAA-1BBBBBB' } });
    expect(await guess.event()).toMatchObject({ event: 'gap' });
    subject.next('marker');
    expect(await guess.event()).toMatchObject({ data: 'marker' });
    await production.stop();
  });

  describe('is bounded:', () => {
    it('so many run at once, and another one is refused', async () => {
      await begin({ productions: { maxProductions: 2 } });
      const one = await broadcaster.produce('one', new Subject());
      await broadcaster.produce('two', new Subject());
      let made = false;
      const make = () => {
        made = true;
        return [];
      };
      await expect(broadcaster.produce('a', make)).rejects.toMatchObject({ code: 'SSE_TOO_MANY_PRODUCTIONS' });
      expect(made).toBe(false);
      await one.stop();
      expect(await run(['now'])).toEqual(['now']);
    });

    it('all of them together have so many bytes, which are free again at their ends', async () => {
      await begin({ productions: { maxBytes: 3_000 } });
      const subject = new Subject<string>();
      const one = await broadcaster.produce('one', subject);
      subject.next('x'.repeat(2_000));
      expect((await run(['y'.repeat(1_000)])).at(-1)).toBe('Internal server error');
      await one.stop();
      expect(await run(['y'.repeat(1_000)])).toEqual(['y'.repeat(1_000)]);
    });

    it('it fails at its deadline, and its signal is aborted', async () => {
      await begin();
      let signal!: AbortSignal;
      const production = await broadcaster.produce(
        'a',
        (given: AbortSignal) => {
          signal = given;
          return new Subject();
        },
        { deadlineMs: 20 },
      );
      await production.done;
      expect(signal.aborted).toBe(true);
      expect(await broadcaster.status('a')).toMatchObject({ status: 'failed' });
      expect(jest.mocked(Logger.prototype.error).mock.calls.flat()).toContainEqual(
        expect.objectContaining({ code: 'SSE_PRODUCTION_TIMEOUT' }),
      );
    });
  });

  it('is refused when the application closes, and what runs fails, in the memory of this process at once', async () => {
    await begin({ shutdown: { productionsMs: 60_000 } });
    const production = await broadcaster.produce('a', new Subject());
    const closing = running.app.get(SseShutdownService).shutdown();
    await expect(broadcaster.produce('b', [])).rejects.toBeInstanceOf(SseError);
    await production.done;
    await closing;
    expect(await broadcaster.status('a')).toMatchObject({ status: 'failed' });
  });
});
