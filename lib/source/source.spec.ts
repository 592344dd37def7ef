import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Observable } from 'rxjs';
import { RecordingSink } from '../../test/support/recording-sink.js';
import { SseQueue } from './sse-queue.js';
import { toSource } from './to-source.js';

/** What a source under test does after its values. `'endless'`: more values for ever; `'never'`: nothing for ever. */
type End = 'complete' | 'endless' | 'never' | Error;

interface Specimen {
  readonly handed: object;
  /** How often it was told from outside to give up. */
  readonly released: () => number;
}

interface Kind {
  readonly name: string;
  /** Cannot be asked to wait. */
  readonly pushes?: true;
  readonly make: (values: unknown[], end: End) => Specimen;
}

function counted<T extends { return?: unknown }>(iterator: T): Specimen {
  let returns = 0;
  const original = iterator.return as (value?: unknown) => unknown;
  iterator.return = function (this: unknown, value?: unknown) {
    returns += 1;
    return original.call(this, value);
  };
  return { handed: iterator, released: () => returns };
}

/** The values one by one, then what `end` says, for iterators written by hand. `undefined`: nothing yet. */
function script(values: unknown[], end: End): () => IteratorResult<unknown> | undefined {
  let n = 0;
  return () => {
    if (n < values.length) {
      return { done: false, value: values[n++] };
    }
    if (end instanceof Error) {
      throw end;
    }
    switch (end) {
      case 'endless':
        return { done: false, value: `more ${n++}` };
      case 'complete':
        return { done: true, value: undefined };
      case 'never':
        return undefined;
    }
  };
}

const forever = new Promise<never>(() => undefined);

const kinds: Kind[] = [
  {
    name: 'an async generator',
    make: (values, end) => {
      const next = script(values, end);
      return counted(
        (async function* () {
          for (let result = next(); !result?.done; result = next()) {
            yield result ? result.value : await forever;
          }
        })(),
      );
    },
  },
  {
    name: 'a sync generator',
    make: (values, end) => {
      const next = script(values, end);
      return counted(
        (function* () {
          for (let result = next(); !result?.done; result = next()) {
            yield result ? result.value : forever;
          }
        })(),
      );
    },
  },
  {
    name: 'an async iterable written by hand',
    make: (values, end) => {
      const next = script(values, end);
      let returns = 0;
      const iterator = {
        next: async () => next() ?? forever,
        return: async () => {
          returns += 1;
          return { done: true, value: undefined };
        },
      };
      return { handed: { [Symbol.asyncIterator]: () => iterator }, released: () => returns };
    },
  },
  {
    name: 'an SseQueue',
    make: (values, end) => {
      const queue = new SseQueue({ maxEvents: 2 });
      const next = script(values, end);
      void (async () => {
        try {
          for (let result = next(); !result?.done; result = next()) {
            if (!(await (result ? queue.send(result.value as string) : forever))) {
              return;
            }
          }
          queue.close();
        } catch (error) {
          queue.close(error);
        }
      })();
      return { handed: queue, released: () => Number(queue.closed) };
    },
  },
  {
    name: 'an Observable',
    pushes: true,
    make: (values, end) => {
      let teardowns = 0;
      const observable = new Observable((subscriber) => {
        const next = script(values, end);
        let timer = setImmediate(function emit() {
          try {
            const result = next();
            if (result?.done) {
              subscriber.complete();
            } else if (result) {
              timer = setImmediate(emit);
              subscriber.next(result.value);
            }
          } catch (error) {
            subscriber.error(error);
          }
        });
        return () => {
          teardowns += 1;
          clearImmediate(timer);
        };
      });
      return { handed: observable, released: () => teardowns };
    },
  },
  {
    name: 'a Readable of objects',
    make: (values, end) => {
      const next = script(values, end);
      let destroys = 0;
      const readable = new Readable({
        objectMode: true,
        highWaterMark: 1,
        read() {
          try {
            const result = next();
            if (result) {
              this.push(result.done ? null : result.value);
            }
          } catch (error) {
            this.destroy(error as Error);
          }
        },
        destroy(error, done) {
          destroys += 1;
          done(error);
        },
      });
      return { handed: readable, released: () => destroys };
    },
  },
  {
    name: 'a web ReadableStream',
    make: (values, end) => {
      const next = script(values, end);
      let cancels = 0;
      const stream = new ReadableStream(
        {
          pull(controller) {
            const result = next();
            if (!result) {
              return forever;
            }
            return result.done ? controller.close() : controller.enqueue(result.value);
          },
          cancel() {
            cancels += 1;
          },
        },
        { highWaterMark: 0 },
      );
      return { handed: stream, released: () => cancels };
    },
  },
];

/** Long enough for everything that is on its way in this process, and nothing else: no timers are involved. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 5; i += 1) {
    await turn();
  }
}

describe.each(kinds)('$name as a source', ({ make, pushes }) => {
  function prepare(values: unknown[], end: End) {
    const { handed, released } = make(values, end);
    return { source: toSource(handed), sink: new RecordingSink(), released };
  }

  function open(values: unknown[], end: End) {
    const specimen = prepare(values, end);
    specimen.source.open(specimen.sink);
    return specimen;
  }

  it.each<[string, unknown[]]>([
    ['has nothing to say', []],
    // What is falsy is a value like any other.
    ['has handed over its values, in their order', [1, 'two', { data: 3 }, 0, '', false, 0n]],
  ])('completes once when it %s', async (_, values) => {
    const { sink } = open(values, 'complete');
    await sink.ended();
    await quiet();
    expect(sink).toMatchObject({ values, ends: ['completed'], strays: [] });
  });

  it.each<[string, unknown[]]>([
    ['before', []],
    ['after', ['first']],
  ])('fails once, with its error, %s the first value', async (_, values) => {
    const error = new Error('half way');
    const { sink } = open(values, error);
    await sink.ended();
    await quiet();
    expect(sink).toMatchObject({ values, strays: [] });
    expect(sink.ends).toHaveLength(1);
    expect(sink.ends[0]).toBe(error);
  });

  it('tells nothing of a value that never comes, and gives up at once, once', async () => {
    const { source, sink, released } = open(['first'], 'never');
    await sink.until(() => sink.values.length === 1);
    await quiet();
    expect(released()).toBe(0);
    source.cancel();
    expect(released()).toBe(1);
    source.cancel();
    await quiet();
    expect(released()).toBe(1);
    expect(sink).toMatchObject({ values: ['first'], ends: [], strays: [] });
  });

  it('stops at the value in whose write it is cancelled, and gives up once', async () => {
    const { source, sink, released } = prepare([], 'endless');
    sink.onValue = () => {
      if (sink.values.length === 100) {
        source.cancel();
      }
    };
    source.open(sink);
    await sink.until(() => sink.values.length === 100);
    await quiet();
    expect(sink.values).toHaveLength(100);
    expect(sink).toMatchObject({ ends: [], strays: [] });
    expect(released()).toBe(1);
  });

  it('gives up, then fails, when the sink refuses a value', async () => {
    const refusal = new Error('cannot be sent');
    const { source, sink, released } = prepare(['good', 'bad'], 'endless');
    sink.onValue = (value) => {
      if (value === 'bad') {
        throw refusal;
      }
    };
    let releasedBefore: number | undefined;
    sink.onEnd = () => (releasedBefore = released());
    source.open(sink);
    await sink.ended();
    await quiet();
    expect(sink).toMatchObject({ values: ['good', 'bad'], ends: [refusal], strays: [] });
    expect(releasedBefore).toBe(1);
    expect(released()).toBe(1);
  });

  it('tells nothing and holds nothing when it is cancelled before it is opened', async () => {
    const { handed } = make(['first'], 'endless');
    const source = toSource(handed);
    const sink = new RecordingSink();
    source.cancel();
    source.cancel();
    source.open(sink);
    await quiet();
    expect(sink).toMatchObject({ values: [], ends: [], strays: [] });
  });

  it('has nothing left to cancel after it has ended', async () => {
    const { source, sink, released } = open(['first'], 'complete');
    await sink.ended();
    await quiet();
    const before = released();
    source.cancel();
    await quiet();
    expect(released()).toBe(before);
    expect(sink.ends).toEqual(['completed']);
  });

  it.each<[string, End]>([
    ['complete()', 'complete'],
    ['fail()', new Error('over')],
  ])('does nothing more when it is cancelled from inside %s', async (_, end) => {
    const { source, sink } = prepare([], end);
    sink.onEnd = () => source.cancel();
    source.open(sink);
    await sink.ended();
    await quiet();
    expect(sink.ends).toHaveLength(1);
    expect(sink.strays).toEqual([]);
  });

  if (!pushes) {
    it('does not go on before there is room', async () => {
      let makeRoom = (): void => undefined;
      const { source, sink } = prepare(['first', 'second'], 'complete');
      sink.room = () => new Promise((resolve) => (makeRoom = resolve));
      source.open(sink);
      await sink.until(() => sink.values.length === 1);
      await quiet();
      expect(sink.values).toEqual(['first']);
      makeRoom();
      await sink.until(() => sink.values.length === 2);
      expect(sink.values).toEqual(['first', 'second']);
      makeRoom();
      await sink.ended();
    });

    it('gives up at once when it is cancelled while it waits for room, and goes on with nothing after that', async () => {
      let makeRoom = (): void => undefined;
      const { source, sink, released } = prepare([], 'endless');
      sink.room = () => new Promise((resolve) => (makeRoom = resolve));
      source.open(sink);
      await sink.until(() => sink.values.length === 1);
      source.cancel();
      await quiet();
      expect(released()).toBe(1);
      makeRoom();
      await quiet();
      expect(sink.values).toHaveLength(1);
      expect(sink).toMatchObject({ ends: [], strays: [] });
    });

    it('lets timers run while it is endless and there is always room', async () => {
      const { source, sink } = open([], 'endless');
      // Fires at all only if the source lets go of the microtask queue now and then.
      await new Promise((resolve) => setTimeout(resolve, 1));
      source.cancel();
      await quiet();
      const { length } = sink.values;
      await quiet();
      expect(sink.values).toHaveLength(length);
    });
  }

  it.each<[string, End]>([
    ['has completed', 'complete'],
    ['has failed', new Error('over')],
    ['was cancelled', 'endless'],
  ])('keeps neither its sink nor what it was made from once it %s', async (_, end) => {
    const [source, ...refs] = await (async () => {
      const { handed } = make(['first'], end);
      const it = toSource(handed);
      const sink = new RecordingSink();
      it.open(sink);
      await sink.until(() => sink.ends.length > 0 || sink.values.length > 1);
      it.cancel();
      await quiet();
      return [it, new WeakRef<object>(sink), new WeakRef(handed)] as const;
    })();
    await collected(refs);
    expect(source).toBeDefined();
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function collected(refs: readonly WeakRef<object>[]): Promise<void> {
  for (let i = 0; i < 20; i += 1) {
    // A WeakRef keeps its target until the turn in which it was made or read is over.
    await turn();
    collectGarbage();
    if (refs.every((ref) => ref.deref() === undefined)) {
      return;
    }
  }
  throw new Error('Something still holds on to it.');
}
