import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { Observable, of } from 'rxjs';
import { SseError } from '../protocol/sse-error.js';
import { SseEvent } from '../protocol/sse-event.js';
import { IterableSource } from './iterable-source.js';
import { ObservableSource } from './observable-source.js';
import { QueueSource } from './queue-source.js';
import { ReadableSource } from './readable-source.js';
import { RecordingSink } from '../../test/support/recording-sink.js';
import { IS_SOURCE, type Source } from './source.js';
import { SseQueue } from './sse-queue.js';
import { SseStream } from './sse-stream.js';
import { toSource } from './to-source.js';
import { WebStreamSource } from './web-stream-source.js';

function refusal(value: unknown): SseError {
  try {
    toSource(value);
  } catch (error) {
    return error as SseError;
  }
  throw new Error('It was taken.');
}

describe('toSource', () => {
  it.each<[string, unknown, new (...args: never[]) => Source]>([
    ['an Observable', of(1), ObservableSource],
    ['whatever can be subscribed to', { subscribe: () => undefined }, ObservableSource],
    ['what gives an Observable on request', { '@@observable': () => of(1) }, ObservableSource],
    ['a Readable, which is an async iterable too', Readable.from([]), ReadableSource],
    ['a Duplex', new PassThrough(), ReadableSource],
    ['a web ReadableStream, which is one as well', new ReadableStream(), WebStreamSource],
    ['an async generator', (async function* () {})(), IterableSource],
    ['a generator', (function* () {})(), IterableSource],
    ['an array', [], IterableSource],
    ['a Set', new Set(), IterableSource],
    ['the values of a Map', new Map().values(), IterableSource],
    ['what events.on() gives', { [Symbol.asyncIterator]: () => undefined }, IterableSource],
    ['an SseStream', new SseStream(), IterableSource],
    ['an SseQueue', new SseQueue(), QueueSource],
  ])('takes %s', (_, value, kind) => {
    expect(toSource(value)).toBeInstanceOf(kind);
  });

  it('takes an object that says it is a Source as it is, even if it can be iterated as well', () => {
    const source = {
      [IS_SOURCE]: true as const,
      open: jest.fn(),
      cancel: jest.fn(),
      [Symbol.asyncIterator]: jest.fn(),
    };
    expect(toSource(source)).toBe(source);
    const made = toSource([]);
    expect(toSource(made)).toBe(made);
  });

  it('does not take a database cursor for a Source because it can be opened and cancelled', () => {
    const cursor = { open: jest.fn(), cancel: jest.fn(), [Symbol.asyncIterator]: jest.fn() };
    expect(toSource(cursor)).toBeInstanceOf(IterableSource);
    expect(() => toSource({ open: jest.fn(), cancel: jest.fn() })).toThrow(SseError);
  });

  it('subscribes to the Observable that an object gives on request', () => {
    const key = Symbol('observable');
    const symbols = Symbol as { observable?: symbol };
    symbols.observable = key;
    try {
      for (const name of [key, '@@observable']) {
        const sink = new RecordingSink();
        toSource({ [name]: () => new Observable((it) => it.next('given')) }).open(sink);
        expect(sink.values).toEqual(['given']);
      }
    } finally {
      delete symbols.observable;
    }
  });

  it('starts nothing', async () => {
    const body = jest.fn();
    const generator = (function* () {
      yield body();
    })();
    const read = jest.fn();
    const subscribe = jest.fn();
    [generator, new Readable({ read }), new Observable(subscribe)].forEach(toSource);
    await new Promise((resolve) => setImmediate(resolve));
    for (const started of [body, read, subscribe]) {
      expect(started).not.toHaveBeenCalled();
    }
  });

  it('releases the senders of a queue whose client left before it was opened, but only if the queue was its own', async () => {
    const queue = new SseQueue({ maxEvents: 1 });
    await queue.send('first');
    const waiting = queue.send('second');
    toSource(queue).cancel();
    expect(await waiting).toBe(false);
    expect(queue.closed).toBe(true);

    const shared = new SseQueue();
    toSource(shared).open(new RecordingSink());
    toSource(shared).cancel();
    expect(shared.closed).toBe(false);
  });

  it('fails with SSE_ALREADY_STARTED when a queue is opened twice', () => {
    const queue = new SseQueue();
    toSource(queue).open(new RecordingSink());
    const second = new RecordingSink();
    toSource(queue).open(second);
    expect(second.ends).toEqual([expect.objectContaining({ code: 'SSE_ALREADY_STARTED' })]);
    expect(queue.closed).toBe(false);
  });

  it.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /^The source is undefined, .*return.* missing/],
    ['null', null, /^The source is null, .*nothing to stream/],
    ['a string', 'text', /^The source is a string of 4 characters, .*addData/],
    ['a number', 7, /^The source is a number, .*addData/],
    ['a boolean', false, /^The source is a boolean, .*addData/],
    ['a bigint', 7n, /^The source is a bigint, .*addData/],
    ['a symbol', Symbol('s'), /^The source is a symbol, /],
    ['a function', () => of(1), /^The source is a function, .*call it/],
    ['a generator function', async function* () {}, /call it/],
    ['a promise', Promise.resolve([]), /Await it/],
    ['a Buffer', Buffer.from('x'), /^The source is Buffer of 1 bytes, .*[Dd]ecode/],
    ['a typed array', new Float64Array(1), /[Dd]ecode/],
    ['a Map', new Map(), /values\(\)/],
    ['a String object', new String('x'), /yields no events/],
    ['a fetch Response', new Response('x'), /`body`/],
    ['an SseEvent', new SseEvent(1), /add\(event\)/],
    ['an event', { type: 'tick' }, /^The source is { type }, .*add\(event\)/],
    ['some object', { name: 'Ann' }, /^The source is { name }, .*addData\(value\)/],
    ['an object without a prototype', Object.create(null), /yields no events/],
    ['a writable stream', { pipe: () => undefined, destroy: () => undefined }, /yields no events/],
  ])('refuses %s, and says what to do', (_, value, message) => {
    const error = refusal(value);
    expect(error).toBeInstanceOf(SseError);
    expect(error.code).toBe('SSE_INVALID_SOURCE');
    expect(error.message).toMatch(message);
    expect(error.message).toContain('A handler may return an Observable');
    expect(error.value).toBe(value);
  });

  it('owns a Readable from then on: an error before it is opened does not end the process', async () => {
    const stream = new Readable({ read: () => undefined });
    const source = toSource(stream);
    const error = new Error('early');
    stream.destroy(error);
    await once(stream, 'close').catch(() => undefined);
    const sink = new RecordingSink();
    source.open(sink);
    await sink.ended();
    expect(sink.ends).toEqual([error]);
  });
});
