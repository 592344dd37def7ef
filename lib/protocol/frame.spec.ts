import { Frame } from './frame.js';
import { WireText } from './wire-text.js';

describe('Frame', () => {
  it('is an event as bytes', () => {
    expect(Frame.of({ type: 't', id: 1, data: 'd' }).bytes('\n').toString()).toBe('event: t\nid: 1\ndata: d\n\n');
  });

  it('fails when it is made, and not when it is written', () => {
    expect(() => Frame.of({ data: { n: 1n } })).toThrow(expect.objectContaining({ code: 'SSE_UNSERIALIZABLE_DATA' }));
    expect(() => Frame.of({ type: 'a\nb' })).toThrow(expect.objectContaining({ code: 'SSE_INVALID_TYPE' }));
  });

  it('serialises once, however often it is written', () => {
    let calls = 0;
    const frame = Frame.of({ data: {} }, undefined, () => `${++calls}`);
    for (const lineEnding of ['\n', '\r\n', '\r'] as const) {
      frame.bytes(lineEnding);
      frame.chunked(lineEnding);
      frame.withId(lineEnding, '7');
      WireText.concatChunked([frame], lineEnding);
    }
    expect(frame.text('\n')).toBe('data: 1\n\n');
    expect(calls).toBe(1);
  });

  it('does not change with the event that it was made of', () => {
    const event = { data: { n: 1 } };
    const frame = Frame.of(event);
    event.data.n = 2;
    expect(frame.text('\n')).toBe('data: {"n":1}\n\n');
  });

  it('takes an id that it is given over the one of the event', () => {
    expect(Frame.of({ id: 'own', data: 'd' }, 'given').text('\n')).toBe('id: given\ndata: d\n\n');
  });

  describe('with another id', () => {
    it('has it where an id stands', () => {
      const frame = Frame.of({ type: 'é', retry: 1, comment: 'c', data: 'a\nb' });
      expect(frame.withId('\n', '9')).toBe('event: é\nid: 9\nretry: 1\n: c\ndata: a\ndata: b\n\n');
      expect(frame.withId('\r\n', '9')).toBe('event: é\r\nid: 9\r\nretry: 1\r\n: c\r\ndata: a\r\ndata: b\r\n\r\n');
    });

    it('has it instead of the one that is there', () => {
      expect(Frame.of({ type: 't', id: 'own', data: 'd' }).withId('\r', '9')).toBe('event: t\rid: 9\rdata: d\r\r');
      expect(Frame.of({ data: 'd' }, 'given').withId('\n', '9')).toBe('id: 9\ndata: d\n\n');
    });

    it('stays itself', () => {
      const frame = Frame.of({ data: 'd' }, '1');
      frame.withId('\n', '9');
      expect(frame.text('\n')).toBe('id: 1\ndata: d\n\n');
    });
  });

  it('holds no slice of the pool that all Buffers share, because it lives long', () => {
    const { bytes, pool } = { bytes: Frame.of({ data: 'd' }).bytes('\n'), pool: Buffer.poolSize };
    expect(bytes.buffer.byteLength).toBeLessThan(pool);
    expect(bytes.buffer.byteLength).toBe('9\r\n'.length + 'data: d\n\n'.length + '\r\n'.length);
  });
});
