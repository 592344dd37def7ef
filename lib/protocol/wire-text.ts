import type { LineEnding } from './line-ending.js';

/** The bytes of a text in one encoding. Both are views of one allocation. */
interface Encoding {
  readonly bytes: Buffer;
  readonly chunked: Buffer;
}

/**
 * Whole events as text that goes to several connections: encoded when first asked, and then shared.
 *
 * {@link bytes} and {@link chunked} keep what they made for as long as this object lives. That is right for what is
 * written at once to many, and for what is written again and again; what is kept for later is better kept as text,
 * which takes a third of the memory (see {@link Frame}).
 *
 * @internal
 */
export class WireText {
  /** Length of the UTF-8 bytes, with `\n` as line ending: what this costs in a history or a buffer. */
  readonly byteLength: number;
  readonly #text: string;
  #encodings?: Partial<Record<LineEnding, Encoding>>;

  /**
   * @param text - whole events with `\n` as line ending, and no `\r` at all.
   * @param byteLength - of its UTF-8 form, if it is known.
   */
  constructor(text: string, byteLength?: number) {
    // Counting also makes V8 flatten the pieces that the text was concatenated from: 440 bytes of heap become 220.
    this.byteLength = byteLength ?? Buffer.byteLength(text);
    this.#text = text;
  }

  /** Several texts as one, to be written at once. Later texts and clients see no difference. */
  static join(texts: readonly WireText[]): WireText {
    let joined = '';
    let byteLength = 0;
    for (const text of texts) {
      joined += text.#text;
      byteLength += text.byteLength;
    }
    return new WireText(joined, byteLength);
  }

  /**
   * A payload as one HTTP/1.1 chunk. An empty payload gives no bytes: a chunk of length zero would end the body.
   *
   * @see RFC 9112 §7.1
   */
  static chunk(payload: Buffer): Buffer {
    if (payload.length === 0) {
      return payload;
    }
    const size = `${payload.length.toString(16)}\r\n`;
    const chunk = Buffer.allocUnsafe(size.length + payload.length + 2);
    chunk.write(size, 'latin1');
    chunk.set(payload, size.length);
    endChunk(chunk);
    return chunk;
  }

  /** Several texts as one HTTP/1.1 chunk in one buffer. Nothing is kept. */
  static concatChunked(texts: readonly WireText[], lineEnding: LineEnding): Buffer {
    return WireText.join(texts).chunked(lineEnding);
  }

  /** The text itself, for writers that put something of their own beside it. */
  text(lineEnding: LineEnding): string {
    // Line endings are the only `\n` in the text and there is no `\r`, so replacing them is all there is to it.
    return lineEnding === '\n' ? this.#text : this.#text.replaceAll('\n', lineEnding);
  }

  /** The body bytes. */
  bytes(lineEnding: LineEnding): Buffer {
    return this.#encoding(lineEnding).bytes;
  }

  /** The same bytes as one HTTP/1.1 chunk, ready for the socket. */
  chunked(lineEnding: LineEnding): Buffer {
    return this.#encoding(lineEnding).chunked;
  }

  #encoding(lineEnding: LineEnding): Encoding {
    this.#encodings ??= {};
    return (this.#encodings[lineEnding] ??= this.#encode(lineEnding));
  }

  #encode(lineEnding: LineEnding): Encoding {
    const text = this.text(lineEnding);
    const length = lineEnding === '\n' ? this.byteLength : Buffer.byteLength(text);
    if (length === 0) {
      const none = Buffer.alloc(0);
      return { bytes: none, chunked: none };
    }
    const size = `${length.toString(16)}\r\n`;
    const chunked = this.allocate(size.length + length + 2);
    // In pieces: as one string, V8 would have to flatten the text once more.
    chunked.write(size, 'latin1');
    chunked.write(text, size.length, 'utf8');
    endChunk(chunked);
    return { bytes: chunked.subarray(size.length, size.length + length), chunked };
  }

  /** Memory for an encoding. What is written at once and dropped takes it from Node's pool: 55 ns instead of 760. */
  protected allocate(size: number): Buffer {
    return Buffer.allocUnsafe(size);
  }
}

function endChunk(chunk: Buffer): void {
  chunk[chunk.length - 2] = 0x0d;
  chunk[chunk.length - 1] = 0x0a;
}
