import { encodeEvent } from './encoder.js';
import type { SseErrorCode } from './sse-error.js';
import { SseEvent, type SseEventFields } from './sse-event.js';

describe('SseEvent', () => {
  it('has data and the other fields', () => {
    const event = new SseEvent({ n: 1 }, { type: 'tick', id: 7n, retry: 5, comment: 'c' });
    expect({ ...event }).toEqual({ data: { n: 1 }, type: 'tick', id: 7n, retry: 5, comment: 'c' });
  });

  it('is made from data alone, from a type, or from a comment', () => {
    expect(encodeEvent(SseEvent.data('x'))).toBe('data: x\n\n');
    expect(encodeEvent(SseEvent.withType('tick', 1))).toBe('event: tick\ndata: 1\n\n');
    expect(encodeEvent(SseEvent.withType('ping'))).toBe('event: ping\ndata: \n\n');
    expect(encodeEvent(SseEvent.comment('hi'))).toBe(': hi\n\n');
  });

  it('takes event as another name for type', () => {
    expect(new SseEvent('x', { event: 'tick' }).type).toBe('tick');
    expect(new SseEvent('x', { event: 'tick', type: 'tick' }).type).toBe('tick');
  });

  it.each<[SseErrorCode, unknown, unknown]>([
    ['SSE_INVALID_TYPE', 'x', { type: 'a\nb' }],
    ['SSE_INVALID_TYPE', 'x', { type: 'a', event: 'b' }],
    ['SSE_INVALID_ID', 'x', { id: 'a\0' }],
    ['SSE_INVALID_ID', 'x', { id: null }],
    ['SSE_ID_TOO_LONG', 'x', { id: 'x'.repeat(129) }],
    ['SSE_INVALID_RETRY', 'x', { retry: -1 }],
    ['SSE_INVALID_COMMENT', 'x', { comment: 1 }],
    ['SSE_INVALID_DATA', Buffer.from('x'), {}],
    ['SSE_UNSERIALIZABLE_DATA', () => 1, {}],
    ['SSE_EMPTY_MESSAGE', undefined, {}],
  ])('fails with %s where it is made', (code, data, fields) => {
    expect(() => new SseEvent(data, fields as SseEventFields)).toThrow(expect.objectContaining({ code }));
  });

  it('leaves it to serialize whether data has a text form', () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(() => new SseEvent(circle)).not.toThrow();
    expect(() => new SseEvent(NaN)).not.toThrow();
  });
});
