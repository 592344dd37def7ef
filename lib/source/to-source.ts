import type { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { types } from 'node:util';
import { kindOf } from '../protocol/show.js';
import { SseError } from '../protocol/sse-error.js';
import { IterableSource } from './iterable-source.js';
import { ObservableSource, type ObservableLike } from './observable-source.js';
import { QueueSource, type ReadableQueue } from './queue-source.js';
import { ReadableSource } from './readable-source.js';
import { IS_SOURCE, type Source } from './source.js';
import { READ_QUEUE } from './sse-queue.js';
import { isThenable } from './thenable.js';
import { WebStreamSource } from './web-stream-source.js';

/**
 * What a handler returned, as a {@link Source}. Nothing is started, but from here on the source owns what it was given:
 * open it or cancel it.
 *
 * Kinds are told apart by their methods, not their classes: an application may well have two copies of rxjs. The more
 * special comes first, because both kinds of streams are async iterables as well.
 *
 * @throws SseError `SSE_INVALID_SOURCE` for what yields no events, `null` and promises included.
 * @internal
 */
export function toSource(value: unknown): Source {
  if (typeof value === 'object' && value !== null) {
    if (isSource(value)) {
      return value;
    }
    if (isQueue(value)) {
      return new QueueSource(value);
    }
    const observable = asObservable(value);
    if (observable) {
      return new ObservableSource(observable);
    }
    if (isReadable(value)) {
      return new ReadableSource(value);
    }
    if (isWebStream(value)) {
      return new WebStreamSource(value);
    }
    if (isIterable(value)) {
      return new IterableSource(value);
    }
  }
  throw new SseError(
    'SSE_INVALID_SOURCE',
    `The source is ${kindOf(value)}, which yields no events. ${advice(value)} A handler may return an Observable, an iterable or async ` +
      'iterable (an array, a generator), a Readable, a web ReadableStream, an SseStream, an SseQueue, or null for 204.',
    { value },
  );
}

function has(value: object, ...methods: PropertyKey[]): boolean {
  return methods.every((method) => typeof (value as Record<PropertyKey, unknown>)[method] === 'function');
}

function isSource(value: object): value is Source {
  return IS_SOURCE in value;
}

function isQueue(value: object): value is ReadableQueue {
  return READ_QUEUE in value;
}

function asObservable(value: object): ObservableLike | undefined {
  if (has(value, 'subscribe')) {
    return value as ObservableLike;
  }
  // The agreement between libraries before there is a standard: a method that returns an Observable.
  const { observable = '@@observable' } = Symbol as { observable?: symbol };
  const key = [observable, '@@observable'].find((name) => has(value, name));
  return key === undefined
    ? undefined
    : { subscribe: (observer) => (value as Record<PropertyKey, () => ObservableLike>)[key]?.().subscribe(observer) };
}

function isReadable(value: object): value is Readable {
  return has(value, 'pipe', 'read', 'on', 'destroy', Symbol.asyncIterator);
}

function isWebStream(value: object): value is ReadableStream<unknown> {
  return has(value, 'getReader', 'cancel');
}

/** Not everything that can be iterated is a list of events: characters, bytes and pairs are not. */
function isIterable(value: object): value is AsyncIterable<unknown> | Iterable<unknown> {
  return (
    has(value, Symbol.asyncIterator) ||
    (has(value, Symbol.iterator) && !types.isBoxedPrimitive(value) && !ArrayBuffer.isView(value) && !types.isMap(value))
  );
}

/** What whoever sees the error most probably wanted to write. */
function advice(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'Is a `return` missing?';
    case 'function':
      return 'If it makes a source, call it.';
    case 'object':
      break;
    default:
      return 'To send it as one event: `new SseStream().addData(value)`, or `of(value)`.';
  }
  if (value === null) {
    return 'There is nothing to stream.';
  }
  if (isThenable(value)) {
    return 'Await it first.';
  }
  if (ArrayBuffer.isView(value)) {
    return 'Decode it to text: the wire is text.';
  }
  if (types.isMap(value)) {
    return 'Return its values().';
  }
  const { body } = value as { body?: unknown };
  if (typeof body === 'object' && body !== null && (isReadable(body) || isWebStream(body))) {
    return 'Return its `body`.';
  }
  if (['data', 'type', 'event', 'id', 'retry', 'comment'].some((key) => key in value)) {
    return 'To send one event: `new SseStream().add(event)`, or `of(event)`.';
  }
  return 'To send it as one event: `new SseStream().addData(value)`, or `of({ data: value })`.';
}
