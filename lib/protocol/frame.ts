import { encodeParts, type SseSerialize } from './encoder.js';
import type { LineEnding } from './line-ending.js';
import type { SseEventInit } from './sse-event.js';
import { WireText } from './wire-text.js';

/**
 * An event encoded once, shared by every connection it goes to.
 *
 * Making one does all that can fail: checks, serialisation. So a publisher gets the error, and the write path none.
 *
 * A history holds thousands of frames, so a frame that nobody has asked for bytes is one flat string and a few numbers:
 * 240 bytes for an event of 140. With its bytes it is 770. Therefore what a channel sends in a turn, or to a client that
 * catches up, goes through {@link WireText.join}, whose bytes are dropped after the write.
 * Ask a frame itself for `bytes` and `chunked` when it is written again and again, as pings are.
 *
 * @internal
 */
export class Frame extends WireText {
  /** Where the `id` line starts in the text, and how long it is: zero if there is none. */
  readonly #idStart: number;
  readonly #idLength: number;

  private constructor(head: string, id: string, tail: string) {
    super(head + id + tail);
    this.#idStart = head.length;
    this.#idLength = id.length;
  }

  /**
   * Encodes an event.
   *
   * @param id - the id to write in place of the event's own, which is then not looked at: a position, vouched for by
   * who minted it. `undefined` leaves the event's own.
   * @throws SseError as `encodeEvent` does.
   */
  static of(event: SseEventInit, id?: string, serialize: SseSerialize = JSON.stringify): Frame {
    const parts = encodeParts(event, id, '\n', serialize);
    return new Frame(parts.head, parts.id, parts.tail);
  }

  /**
   * The same event with another id, as text. Nothing is encoded again, and no frame is made: it is for ids that differ
   * from connection to connection.
   *
   * A string, because the socket encodes it while it writes: splicing costs 30 ns as text and 220 ns between buffers.
   *
   * @param id - vouched for, as in {@link of}.
   */
  withId(lineEnding: LineEnding, id: string): string {
    const text = this.text('\n');
    const spliced = `${text.slice(0, this.#idStart)}id: ${id}\n${text.slice(this.#idStart + this.#idLength)}`;
    return lineEnding === '\n' ? spliced : spliced.replaceAll('\n', lineEnding);
  }

  /** A slice of Node's pool would keep its 8 KB slab alive, and a frame that is asked for bytes lives long. */
  protected override allocate(size: number): Buffer {
    return Buffer.allocUnsafeSlow(size);
  }
}
