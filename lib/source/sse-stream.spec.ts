import { SseEvent } from '../protocol/sse-event.js';
import { SseStream } from './sse-stream.js';

describe('SseStream', () => {
  it('is empty until something is added', () => {
    const stream = new SseStream();
    expect(stream).toMatchObject({ length: 0, isEmpty: true });
    stream.addData(1);
    expect(stream).toMatchObject({ length: 1, isEmpty: false });
  });

  it('holds its events in the order in which they were given', () => {
    const stream = new SseStream(['zero'])
      .add({ type: 'a', data: 1 })
      .addData({ type: 'just data' })
      .addEvent('b')
      .addEvent('c', 2, { id: 7, retry: 10, comment: 'note' });
    expect([...stream]).toEqual([
      'zero',
      { type: 'a', data: 1 },
      { data: { type: 'just data' } },
      { type: 'b' },
      { type: 'c', data: 2, id: 7, retry: 10, comment: 'note' },
    ]);
    expect(stream.length).toBe(5);
  });

  it('takes events from any iterable, another SseStream included', () => {
    const one = new SseStream(new Set(['a', 'b']));
    expect([...new SseStream(one)]).toEqual(['a', 'b']);
  });

  it('can be iterated any number of times, also at the same time', () => {
    const stream = new SseStream([1, 2]);
    const first = stream[Symbol.iterator]();
    first.next();
    expect([...stream]).toEqual([1, 2]);
    expect([...stream]).toEqual([1, 2]);
    expect(first.next()).toEqual({ done: false, value: 2 });
  });

  it('takes event for type', () => {
    expect([...new SseStream([{ event: 'tick' }])]).toEqual([{ type: 'tick' }]);
  });

  it('keeps an SseEvent as it is, and copies the fields of any other object', () => {
    const checked = new SseEvent(1);
    const plain = { type: 'before' };
    const stream = new SseStream([checked, plain]);
    plain.type = 'line\nbreak';
    expect([...stream][0]).toBe(checked);
    expect([...stream][1]).toEqual({ type: 'before' });
  });

  it.each<[string, (stream: SseStream) => unknown, string]>([
    ['a type with a line break', (stream) => stream.addEvent('a\nb'), 'SSE_INVALID_TYPE'],
    ['an id with a line break', (stream) => stream.add({ id: 'a\nb', data: 1 }), 'SSE_INVALID_ID'],
    ['an id of 129 bytes', (stream) => stream.add({ id: 'x'.repeat(129), data: 1 }), 'SSE_ID_TOO_LONG'],
    ['a negative retry', (stream) => stream.add({ retry: -1 }), 'SSE_INVALID_RETRY'],
    ['binary data', (stream) => stream.addData(Buffer.from('x')), 'SSE_INVALID_DATA'],
    ['nothing as data', (stream) => stream.addData(undefined), 'SSE_EMPTY_MESSAGE'],
    ['an empty object', (stream) => stream.add({}), 'SSE_EMPTY_MESSAGE'],
    ['a record', (stream) => stream.add({ name: 'Ann' } as never), 'SSE_INVALID_EVENT'],
    ['null', (stream) => stream.add(null as never), 'SSE_INVALID_EVENT'],
    ['an array', (stream) => stream.add([1] as never), 'SSE_INVALID_EVENT'],
  ])('refuses %s when it is added, and stays as it was', (_, add, code) => {
    const stream = new SseStream(['before']);
    expect(() => add(stream)).toThrow(expect.objectContaining({ code }));
    expect([...stream]).toEqual(['before']);
  });

  it('refuses a bad event among those it is made from', () => {
    expect(() => new SseStream(['good', { retry: -1 }])).toThrow(
      expect.objectContaining({ code: 'SSE_INVALID_RETRY' }),
    );
  });

  it.each<[string, unknown]>([
    ['a string, which would become one event per character', 'abc'],
    ['a single event', { data: 1 }],
    ['null', null],
    ['a number', 7],
  ])('is not made from %s', (_, events) => {
    expect(() => new SseStream(events as never)).toThrow(expect.objectContaining({ code: 'SSE_INVALID_SOURCE' }));
  });
});
