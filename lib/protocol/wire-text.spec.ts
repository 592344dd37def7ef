import { WireText } from './wire-text.js';

describe('WireText', () => {
  const text = new WireText('data: é\n\n');

  it('makes its bytes once for each line ending', () => {
    expect(text.bytes('\n').toString()).toBe('data: é\n\n');
    expect(text.bytes('\r\n').toString()).toBe('data: é\r\n\r\n');
    expect(text.bytes('\r').toString()).toBe('data: é\r\r');
    expect(text.bytes('\r\n')).toBe(text.bytes('\r\n'));
    expect(text.chunked('\r')).toBe(text.chunked('\r'));
  });

  it('frames its bytes as one chunk', () => {
    expect(text.chunked('\n').toString()).toBe('a\r\ndata: é\n\n\r\n');
    expect(text.chunked('\r\n').toString()).toBe('c\r\ndata: é\r\n\r\n\r\n');
  });

  it('keeps both in one allocation', () => {
    const lasting = new WireText('data: x\n\n');
    const [bytes, chunked] = [lasting.bytes('\n'), lasting.chunked('\n')];
    expect(bytes.buffer).toBe(chunked.buffer);
    expect(bytes.byteOffset).toBe(chunked.byteOffset + 3);
  });

  it('counts bytes, not characters', () => {
    expect(text.byteLength).toBe(10);
    expect(new WireText('data: 😀\n\n').byteLength).toBe(12);
  });

  it('joins several into one', () => {
    const joined = WireText.join([new WireText('data: 1\n\n'), new WireText('data: 2\n\n')]);
    expect(joined.text('\r')).toBe('data: 1\r\rdata: 2\r\r');
    expect(joined.byteLength).toBe(18);
    const chunk = WireText.concatChunked([new WireText('data: 1\n\n'), text], '\n');
    expect(chunk.toString()).toBe('13\r\ndata: 1\n\ndata: é\n\n\r\n');
  });

  it('frames a payload that was made elsewhere', () => {
    expect(WireText.chunk(Buffer.from('x'.repeat(16))).toString()).toBe(`10\r\n${'x'.repeat(16)}\r\n`);
  });

  it('gives no bytes for nothing, because a chunk of length zero ends the body', () => {
    expect(WireText.chunk(Buffer.alloc(0))).toHaveLength(0);
    expect(WireText.concatChunked([], '\n')).toHaveLength(0);
    expect(WireText.join([]).bytes('\n')).toHaveLength(0);
  });
});
