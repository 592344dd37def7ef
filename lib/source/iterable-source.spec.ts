import { IterableSource } from './iterable-source.js';
import { RecordingSink } from '../../test/support/recording-sink.js';

function open(iterable: AsyncIterable<unknown> | Iterable<unknown>) {
  const source = new IterableSource(iterable);
  const sink = new RecordingSink();
  source.open(sink);
  return { source, sink };
}

/** An iterable around an iterator that keeps to no rule of the protocol. */
function lawless(iterator: object, key: symbol = Symbol.asyncIterator): AsyncIterable<unknown> {
  return { [key]: () => iterator } as never;
}

/** Something that settles when a spec says so. */
function deferred<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

function raise(error: unknown): never[] {
  throw error;
}

const macrotask = () => new Promise((resolve) => setImmediate(resolve));

describe('IterableSource', () => {
  describe('cancelled while an async generator is suspended in an await', () => {
    it('runs its finally once the await has settled, and drops the value that still came', async () => {
      const answer = deferred();
      const cleaned = deferred();
      const { source, sink } = open(
        (async function* () {
          try {
            await answer.promise;
            yield 'late';
          } finally {
            cleaned.resolve();
          }
        })(),
      );
      source.cancel();
      answer.resolve();
      await cleaned.promise;
      await macrotask();
      expect(sink).toMatchObject({ values: [], ends: [], strays: [] });
    });

    it('tells the error of that await as a stray one', async () => {
      const answer = deferred();
      const { source, sink } = open(
        (async function* () {
          await answer.promise;
          yield 'never';
        })(),
      );
      const aborted = new Error('aborted');
      source.cancel();
      answer.reject(aborted);
      await sink.until(() => sink.strays.length > 0);
      await macrotask();
      expect(sink).toMatchObject({ values: [], ends: [], strays: [aborted] });
    });

    it('tells the error of its finally as a stray one', async () => {
      const broken = new Error('broken finally');
      const { source, sink } = open(
        (async function* () {
          try {
            yield 'first';
            await new Promise(() => undefined);
          } finally {
            await Promise.reject(broken);
          }
        })(),
      );
      sink.onValue = () => source.cancel();
      await sink.until(() => sink.strays.length > 0);
      expect(sink).toMatchObject({ values: ['first'], ends: [], strays: [broken] });
    });
  });

  it('does not ask for the next value after it was cancelled', async () => {
    const answer = deferred<IteratorResult<unknown>>();
    const next = jest.fn(() => answer.promise);
    const { source } = open(lawless({ next }));
    source.cancel();
    answer.resolve({ done: false, value: 1 });
    await macrotask();
    expect(next).toHaveBeenCalledTimes(1);
  });

  it('lets a generator that cancels its own source run on to its next yield, then runs its finally', async () => {
    // A generator that is running answers return() with "Generator is already running".
    for (const AsyncOrNot of [Symbol.iterator, Symbol.asyncIterator] as const) {
      const steps: string[] = [];
      const sink = new RecordingSink();
      const body = function* () {
        try {
          source.cancel();
          steps.push('still running');
          yield 'dropped';
          steps.push('never reached');
        } finally {
          steps.push('finally');
        }
      };
      const source: IterableSource = new IterableSource(
        AsyncOrNot === Symbol.iterator
          ? body()
          : (async function* () {
              yield* body();
            })(),
      );
      source.open(sink);
      await macrotask();
      expect(steps).toEqual(['still running', 'finally']);
      expect(sink).toMatchObject({ values: [], ends: [], strays: [] });
    }
  });

  it('tells the error of a generator that cancels its own source and throws as a stray one', async () => {
    const error = new Error('on the way out');
    const sink = new RecordingSink();
    const body = function* () {
      source.cancel();
      yield* raise(error);
    };
    const source: IterableSource = new IterableSource(body());
    source.open(sink);
    expect(sink).toMatchObject({ values: [], ends: [], strays: [error] });
    // Also this way out lets go of the generator.
    expect(source).toMatchObject({ iterable: undefined, iterator: undefined });
  });

  it('lets timers run also where timers are faked', async () => {
    jest.useFakeTimers({ doNotFake: ['performance'] });
    try {
      const { sink } = open(
        (async function* () {
          const start = performance.now();
          while (performance.now() - start < 20) {
            yield 'fast';
          }
        })(),
      );
      await sink.ended();
      expect(sink.ends).toEqual(['completed']);
    } finally {
      jest.useRealTimers();
    }
  });

  it('releases an iterator that it got from code which cancelled it', async () => {
    const release = jest.fn(() => ({ done: true }));
    const next = jest.fn();
    const sink = new RecordingSink();
    const iterate = () => {
      source.cancel();
      return { next, return: release };
    };
    const source: IterableSource = new IterableSource({ [Symbol.asyncIterator]: iterate } as never);
    source.open(sink);
    await macrotask();
    expect(release).toHaveBeenCalledTimes(1);
    expect(next).not.toHaveBeenCalled();
    expect(sink).toMatchObject({ values: [], ends: [], strays: [] });
  });

  describe('cancelled before it was opened', () => {
    it('finishes a generator without running any of it', async () => {
      const ran = jest.fn();
      const generator = (async function* () {
        ran();
        yield 1;
      })();
      new IterableSource(generator).cancel();
      expect(await generator.next()).toEqual({ done: true, value: undefined });
      expect(ran).not.toHaveBeenCalled();
    });

    it('does not ask an iterable for an iterator only to return it', () => {
      const iterate = jest.fn();
      new IterableSource({ [Symbol.asyncIterator]: iterate } as never).cancel();
      expect(iterate).not.toHaveBeenCalled();
    });

    it('survives an iterator that cannot be released', async () => {
      for (const release of [
        () => {
          throw new Error('sync');
        },
        () => Promise.reject(new Error('async')),
      ]) {
        const iterator = { next: jest.fn(), return: release, [Symbol.asyncIterator]: () => iterator };
        expect(() => new IterableSource(iterator as never).cancel()).not.toThrow();
      }
      // An unhandled rejection would fail the run here.
      await macrotask();
    });
  });

  describe('over a sync iterable', () => {
    it('hands over all values before open() returns while there is room', () => {
      const { sink } = open([1, 2, 3]);
      expect(sink).toMatchObject({ values: [1, 2, 3], ends: ['completed'] });
    });

    it('waits for values that are promises', async () => {
      const { sink } = open([Promise.resolve(1), 2, Promise.resolve(3)]);
      await sink.ended();
      expect(sink).toMatchObject({ values: [1, 2, 3], ends: ['completed'] });
    });

    it('releases the iterator and fails when such a promise rejects', async () => {
      const error = new Error('no value');
      const cleaned = jest.fn();
      const { sink } = open(
        (function* () {
          try {
            yield Promise.reject(error);
          } finally {
            cleaned();
          }
        })(),
      );
      await sink.ended();
      expect(sink).toMatchObject({ values: [], ends: [error], strays: [] });
      expect(cleaned).toHaveBeenCalledTimes(1);
    });

    it.each<[string, (value: ReturnType<typeof deferred<string>>) => void, number]>([
      ['drops it when it resolves', (value) => value.resolve('late'), 0],
      ['tells a stray error when it rejects', (value) => value.reject(new Error('too late')), 1],
    ])(
      'releases it at once when it is cancelled while such a promise is pending, and %s',
      async (_, settle, strays) => {
        const value = deferred<string>();
        const cleaned = jest.fn();
        const { source, sink } = open(
          (function* () {
            try {
              yield value.promise;
            } finally {
              cleaned();
            }
          })(),
        );
        source.cancel();
        expect(cleaned).toHaveBeenCalledTimes(1);
        settle(value);
        await macrotask();
        expect(sink).toMatchObject({ values: [], ends: [] });
        expect(sink.strays).toHaveLength(strays);
        expect(cleaned).toHaveBeenCalledTimes(1);
      },
    );

    it('tells what a generator throws in its finally as a stray error', () => {
      const broken = new Error('broken finally');
      const { source, sink } = open(
        (function* () {
          try {
            yield new Promise(() => undefined);
          } finally {
            raise(broken);
          }
        })(),
      );
      source.cancel();
      expect(sink).toMatchObject({ ends: [], strays: [broken] });
    });
  });

  describe('over an iterator that breaks the protocol', () => {
    it.each<[string, object]>([
      [
        'whose next() throws',
        {
          next: jest.fn(() => {
            throw new Error('thrown');
          }),
        },
      ],
      ['that has no next()', {}],
      ['whose next() gives undefined', { next: () => undefined }],
      [
        'whose result throws when it is asked for done',
        {
          next: () => ({
            get done() {
              return raise(new Error('getter'));
            },
          }),
        },
      ],
    ])('fails once, and does not release what is over: one %s', async (_, iterator) => {
      for (const key of [Symbol.iterator, Symbol.asyncIterator]) {
        const release = jest.fn();
        const { sink } = open(lawless({ ...iterator, return: release }, key));
        await sink.ended();
        await macrotask();
        expect(sink.ends).toEqual([expect.any(Error)]);
        expect(sink.strays).toEqual([]);
        expect(release).not.toHaveBeenCalled();
      }
    });

    it('fails when next() promises something else than a result', async () => {
      const { sink } = open(lawless({ next: () => Promise.resolve(7) }));
      await sink.ended();
      expect(sink.ends).toEqual([expect.any(TypeError)]);
    });

    it.each<[string, unknown]>([
      ['nothing', undefined],
      ['a number', 1],
    ])('fails when it gives %s instead of an iterator', (_, iterator) => {
      const { sink } = open({ [Symbol.asyncIterator]: () => iterator } as never);
      expect(sink.ends).toEqual([expect.any(TypeError)]);
    });

    it('fails when asking for the iterator throws', () => {
      const error = new Error('no iterator');
      const { sink } = open({
        [Symbol.asyncIterator]() {
          throw error;
        },
      });
      expect(sink.ends).toEqual([error]);
    });

    it('ignores the value that comes with done', async () => {
      const { sink } = open(lawless({ next: () => Promise.resolve({ done: true, value: 'ignored' }) }));
      await sink.ended();
      expect(sink).toMatchObject({ values: [], ends: ['completed'] });
    });

    it.each<[string, unknown]>([
      ['no return()', undefined],
      ['a return() that is null', null],
      ['a return() that gives undefined', () => undefined],
    ])('lets go of one with %s', async (_, release) => {
      const { source, sink } = open(lawless({ next: () => new Promise(() => undefined), return: release }));
      source.cancel();
      await macrotask();
      expect(sink).toMatchObject({ ends: [], strays: [] });
    });

    it.each<[string, () => unknown]>([
      [
        'throws',
        () => {
          throw new Error('sync');
        },
      ],
      ['rejects', () => Promise.reject(new Error('async'))],
    ])('tells what return() %s with as a stray error', async (_, release) => {
      const { source, sink } = open(lawless({ next: () => new Promise(() => undefined), return: release }));
      source.cancel();
      await sink.until(() => sink.strays.length > 0);
      expect(sink.strays).toEqual([expect.any(Error)]);
      expect(sink.ends).toEqual([]);
    });
  });

  it('prefers the async iterator of what has both', async () => {
    const { sink } = open({
      *[Symbol.iterator]() {
        yield 'sync';
      },
      async *[Symbol.asyncIterator]() {
        yield 'async';
      },
    });
    await sink.ended();
    expect(sink.values).toEqual(['async']);
  });

  it('keeps its order and its end when there is room only now and then', async () => {
    const sink = new RecordingSink();
    sink.room = () => (sink.values.length % 3 === 0 ? macrotask().then(() => undefined) : true);
    new IterableSource(Array.from({ length: 1_000 }, (_, n) => n)).open(sink);
    await sink.ended();
    expect(sink.values).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
  });
});
