import type { SseErrorCode } from './sse-error.js';
import { SseEvent } from './sse-event.js';
import { toEventInit } from './sse-event-like.js';

describe('a yielded value', () => {
  it.each(['text', '', 0, -1.5, true, false, 1n])('is data when it is a primitive: %p', (value) => {
    expect(toEventInit(value)).toEqual({ data: value });
  });

  it.each([
    { data: undefined },
    { data: 1, price: undefined },
    { id: 7, type: 'a', data: undefined },
    { type: 'a' },
    { event: 'a' },
    { id: 1 },
    { retry: 1 },
    { comment: '' },
    new SseEvent('x'),
    Object.assign(Object.create(null) as object, { data: 1 }),
  ])('is an event, the same object, when it has a key of one: %p', (value) => {
    expect(toEventInit(value)).toBe(value);
  });

  it('is an event when the keys are inherited getters, as in a DOM MessageEvent', () => {
    const event = new MessageEvent('tick', { data: 'x' });
    expect(toEventInit(event)).toBe(event);
  });

  it.each<[SseErrorCode, string, unknown]>([
    ['SSE_INVALID_EVENT', 'null', null],
    ['SSE_INVALID_EVENT', 'undefined', undefined],
    ['SSE_INVALID_EVENT', 'a function', () => 1],
    ['SSE_INVALID_EVENT', 'a symbol', Symbol('x')],
    ['SSE_INVALID_EVENT', 'an array', [{ data: 1 }]],
    ['SSE_INVALID_EVENT', 'an empty array', []],
    ['SSE_INVALID_EVENT', 'a Buffer', Buffer.from('x')],
    ['SSE_INVALID_EVENT', 'an ArrayBuffer', new ArrayBuffer(1)],
    ['SSE_INVALID_EVENT', 'a DataView', new DataView(new ArrayBuffer(1))],
    ['SSE_INVALID_EVENT', 'an object with other keys', { name: 'Ann' }],
    ['SSE_INVALID_EVENT', 'a record whose name would be lost', { id: 7, name: 'Ann' }],
    ['SSE_INVALID_EVENT', 'a row with a column that would be lost', { id: 7, data: {}, created_at: 'now' }],
    ['SSE_INVALID_EVENT', 'a record with an id and a type', { id: 7, type: 'invoice' }],
    ['SSE_INVALID_EVENT', 'a message whose payload would be lost', { type: 'created', payload: {} }],
    ['SSE_INVALID_EVENT', 'a Date', new Date()],
    ['SSE_INVALID_EVENT', 'a Map', new Map()],
    ['SSE_EMPTY_MESSAGE', 'an empty object', {}],
  ])('is refused with %s when it is %s', (code, _what, value) => {
    expect(() => toEventInit(value)).toThrow(expect.objectContaining({ code, value }));
  });

  it('is refused with the advice to wrap it', () => {
    expect(() => toEventInit({ name: 'Ann' })).toThrow(/\{ name \} is no event\..* wrap it: \{ data: value \}/);
    expect(() => toEventInit({ id: 7, data: {}, created_at: 1, total: 2 })).toThrow(
      /^\{ id, data, created_at, total \} has keys that no event has: created_at, total\. .*as: 'data'/,
    );
    expect(() => toEventInit({ id: 7, type: 'invoice' })).toThrow(/^\{ id, type \} has no data\. .*data: ''\.$/);
    expect(() => toEventInit(null)).toThrow(/\{ data: null \}/);
    expect(() => toEventInit([1, 2])).toThrow(/an array of 2.*yield\*/);
    expect(() => toEventInit(Buffer.from('x'))).toThrow(/base64/);
  });

  it('is looked at by its keys, so that a getter runs only when the event is encoded', () => {
    let reads = 0;
    const event = {
      get data() {
        return ++reads;
      },
    };
    toEventInit(event);
    expect(reads).toBe(0);
  });
});
