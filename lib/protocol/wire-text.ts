import type { Encoding } from './encoding.js';
import { chunkOf } from './http-chunk.js';

/**
 * What an encoding made of a text.
 *
 * @internal
 */
export interface Encoded {
  /** The body bytes. */
  readonly bytes: Buffer;
  /** The same bytes as one HTTP/1.1 chunk, in the same allocation. */
  readonly chunk: Buffer;
  readonly byteLength: number;
}

/** One of a short list: an application has one encoding, or two. */
interface Kept extends Encoded {
  readonly encoding: Encoding;
  readonly next: Kept | undefined;
}

/**
 * Whole events as text that goes to several connections: encoded when first asked, and then shared.
 *
 * It keeps its bytes for as long as it lives. That is right for what is written at once to many. What is kept for later
 * is better kept as text, which takes a third of the memory (see `Frame`).
 *
 * @internal
 */
export class WireText {
  /** Length of {@link text} in UTF-8: what this costs in a history or a buffer. */
  readonly byteLength: number;
  private kept: Kept | undefined = undefined;

  /**
   * @param text - whole events with `\n` as line ending, and no `\r` at all.
   * @param byteLength - of its UTF-8 form, if it is known.
   */
  constructor(
    readonly text: string,
    byteLength?: number,
  ) {
    this.byteLength = byteLength ?? Buffer.byteLength(text);
  }

  /** Several texts as one, to be written at once. */
  static join(texts: readonly { readonly text: string; readonly byteLength: number }[]): WireText {
    let joined = '';
    let byteLength = 0;
    for (const text of texts) {
      joined += text.text;
      byteLength += text.byteLength;
    }
    return new WireText(joined, byteLength);
  }

  /** Its bytes in an encoding, made once for each encoding. */
  in(encoding: Encoding): Encoded {
    for (let kept = this.kept; kept; kept = kept.next) if (kept.encoding === encoding) return kept;
    return (this.kept = this.encode(encoding, this.kept));
  }

  private encode(encoding: Encoding, next: Kept | undefined): Kept {
    const payload = encoding.encode(this.text);
    const byteLength = payload === this.text ? this.byteLength : Buffer.byteLength(payload);
    const chunk = chunkOf(payload, byteLength);
    // Behind the payload there are two bytes, and nothing at all behind an empty one.
    const end = Math.max(0, chunk.length - 2);
    return { encoding, bytes: chunk.subarray(end - byteLength, end), chunk, byteLength, next };
  }
}
