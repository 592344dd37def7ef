/**
 * What a connection's writer makes of events. All code above the writer handles one text: whole events as the encoder
 * makes them, each line ended by `\n`. Line endings are the first encoding ({@link lineEndingEncoding}).
 *
 * An encoding has no state: the same text gives the same payload, and the payloads of two texts can follow each other.
 * So a text for many connections keeps what each encoding made of it (`WireText.in`), by the identity of the encoding:
 * an application has one object of each.
 *
 * A compressor whose output depends on what one client got before is not shared. It belongs inside a writer, which asks a
 * shared text for its `text`.
 *
 * @internal
 */
export interface Encoding {
  /**
   * The payload of whole events: a string, which goes out as UTF-8, or bytes. It throws nothing.
   *
   * @param text with `\n` as its only line end; may be empty, and the payload is empty then.
   */
  encode(text: string): string | Buffer;
}
