import fc from 'fast-check';
import type { SseEventInit } from '../protocol/sse-event.js';
import { storedFrame, toStored } from './stored-event.js';

const stored = (event: SseEventInit) => toStored(event, JSON.stringify);
const roundTrip = (event: SseEventInit) => storedFrame(stored(event), 'e-1').read();

describe('a stored event', () => {
  it('is read back from its frame, whatever its text', () => {
    const type = fc.option(
      fc.string({ unit: 'grapheme' }).filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text)),
      { nil: undefined },
    );
    const data = fc.oneof(fc.string({ unit: 'grapheme' }), fc.stringMatching(/^(data: |event: |id: |: |\n| |x)*$/));
    fc.assert(
      fc.property(type, data, (t, d) => {
        const event = stored({ type: t, data: d });
        expect(event.data).toBe(d.replace(/\r\n|\r/g, '\n'));
        expect(storedFrame(event, 'e-1').read()).toEqual({
          id: 'e-1',
          type: t,
          data: d.replace(/\r\n|\r/g, '\n'),
        });
      }),
      { numRuns: 1_000, seed: 7 },
    );
  });

  it.each<[string, SseEventInit, object]>([
    ['several lines', { data: 'a\n\nb\n' }, { data: 'a\n\nb\n' }],
    ['empty data', { data: '' }, { data: '' }],
    ['a type alone, which a client gets with empty data', { type: 'ping' }, { type: 'ping', data: '' }],
    ['the alias of type', { event: 'x', data: 1 }, { type: 'x', data: '1' }],
    ['an object', { data: { a: [null] } }, { data: '{"a":[null]}' }],
    ['null', { data: null }, { data: 'null' }],
    ['a comment that looks like data', { comment: 'x\ndata: y' }, { data: undefined, type: undefined }],
  ])('keeps %s', (_, event, expected) => expect(roundTrip(event)).toEqual({ id: 'e-1', ...expected }));

  it.each<[string, SseEventInit]>([
    ['SSE_INVALID_ID', { id: 'mine', data: 1 }],
    ['SSE_INVALID_TYPE', { type: 'a\nb', data: 1 }],
    ['SSE_INVALID_RETRY', { retry: -1 }],
    ['SSE_UNSERIALIZABLE_DATA', { data: () => 1 }],
    ['SSE_INVALID_DATA', { data: Buffer.from('x') }],
  ])('is refused with %s before anything is stored', (code, event) => {
    expect(() => stored(event)).toThrow(expect.objectContaining({ code }));
  });

  it('shows clients nothing of an end but where they are', () => {
    expect(storedFrame({ kind: 'end' }, 'e-2').text).toBe('id: e-2\n\n');
  });
});
