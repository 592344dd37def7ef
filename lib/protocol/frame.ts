import { encodeParts, type SseSerialize } from './encoder.js';
import type { SseEventInit } from './sse-event.js';
import type { SseStoredEvent } from './sse-stored-event.js';

/**
 * An event encoded once, shared by every connection it goes to.
 *
 * Making one does all that can fail: checks, serialisation. So a publisher gets the error, and the write path none.
 *
 * A history holds thousands of frames, so a frame is one flat string and a few numbers: 240 bytes for an event of 140.
 * With its bytes it would be 770. What a channel sends in a turn, or to a client that catches up, goes through
 * `WireText.join`, whose bytes are dropped after the write.
 *
 * @internal
 */
export class Frame {
  /** The event as the encoder makes it, with `\n` as line ending. */
  readonly text: string;
  /** Length of {@link text} in UTF-8. */
  readonly byteLength: number;
  /** Where the `id` line starts in the text, and how long it is: zero if there is none. */
  readonly #idStart: number;
  readonly #idLength: number;
  /** A history of thousands would hold 140 bytes more for each frame, which no bound counts. */
  #event: WeakRef<SseStoredEvent> | undefined = undefined;

  private constructor(head: string, id: string, tail: string) {
    this.text = head + id + tail;
    // Counting also makes V8 flatten the pieces that the text was concatenated from: 440 bytes of heap become 220.
    this.byteLength = Buffer.byteLength(this.text);
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
    const parts = encodeParts(event, id, serialize);
    return new Frame(parts.head, parts.id, parts.tail);
  }

  /** The event as filters and keys see it, frozen: all who ask in one turn get the same. It is read from the text. */
  get event(): SseStoredEvent {
    const known = this.#event?.deref();
    if (known) return known;
    const event = Object.freeze(this.read());
    this.#event = new WeakRef(event);
    return event;
  }

  /** The event, read from the text: for the caller alone. */
  read(): SseStoredEvent {
    const { text } = this;
    const id = text.slice(this.#idStart + 'id: '.length, this.#idStart + this.#idLength - 1);
    let type: string | undefined;
    let data: string | undefined;
    for (const line of text.split('\n')) {
      if (line.startsWith('data: ')) data = data === undefined ? line.slice(6) : `${data}\n${line.slice(6)}`;
      else if (line.startsWith('event: ')) type = line.slice(7);
    }
    return { id, type, data };
  }

  /**
   * The same event with another id, as text. Nothing is encoded again, and no frame is made: it is for ids that differ
   * from connection to connection.
   *
   * A string, because the socket encodes it while it writes: splicing costs 30 ns as text and 220 ns between buffers.
   *
   * @param id - vouched for, as in {@link of}.
   */
  withId(id: string): string {
    const { text } = this;
    return `${text.slice(0, this.#idStart)}id: ${id}\n${text.slice(this.#idStart + this.#idLength)}`;
  }
}
