import { Frame } from './frame.js';
import { lineEndingEncoding } from './line-ending.js';
import { WireText } from './wire-text.js';

const [lf, crlf, cr] = [lineEndingEncoding('\n'), lineEndingEncoding('\r\n'), lineEndingEncoding('\r')];

describe('WireText', () => {
  const text = new WireText('data: é\n\n');

  it('makes its bytes once for each encoding', () => {
    expect(text.in(lf).bytes.toString()).toBe('data: é\n\n');
    expect(text.in(crlf).bytes.toString()).toBe('data: é\r\n\r\n');
    expect(text.in(cr).bytes.toString()).toBe('data: é\r\r');
    for (const encoding of [lf, crlf, cr]) expect(text.in(encoding)).toBe(text.in(encoding));
  });

  it('frames its bytes as one chunk', () => {
    expect(text.in(lf).chunk.toString()).toBe('a\r\ndata: é\n\n\r\n');
    expect(text.in(crlf).chunk.toString()).toBe('c\r\ndata: é\r\n\r\n\r\n');
    expect(new WireText('x'.repeat(16)).in(lf).chunk.toString()).toBe(`10\r\n${'x'.repeat(16)}\r\n`);
  });

  it('keeps both in one allocation', () => {
    const { bytes, chunk } = new WireText('data: x\n\n').in(lf);
    expect(bytes.buffer).toBe(chunk.buffer);
    expect(bytes.byteOffset).toBe(chunk.byteOffset + 3);
  });

  it('takes bytes from an encoding as well as text', () => {
    const upper = { encode: (from: string) => Buffer.from(from.toUpperCase()) };
    const { bytes, chunk, byteLength } = text.in(upper);
    expect(bytes.toString()).toBe('DATA: É\n\n');
    expect([chunk.toString(), byteLength]).toEqual(['a\r\nDATA: É\n\n\r\n', 10]);
  });

  it('counts bytes, not characters', () => {
    expect(text.byteLength).toBe(10);
    expect(text.in(crlf).byteLength).toBe(12);
    expect(new WireText('data: 😀\n\n').byteLength).toBe(12);
  });

  it('joins several into one', () => {
    const joined = WireText.join([Frame.of({ data: '1' }), new WireText('data: é\n\n')]);
    expect(joined.text).toBe('data: 1\n\ndata: é\n\n');
    expect(joined.byteLength).toBe(19);
    expect(joined.in(lf).chunk.toString()).toBe('13\r\ndata: 1\n\ndata: é\n\n\r\n');
  });

  it('gives no bytes for nothing, because a chunk of length zero ends the body', () => {
    const { bytes, chunk, byteLength } = WireText.join([]).in(lf);
    expect([bytes.length, chunk.length, byteLength]).toEqual([0, 0, 0]);
  });
});
