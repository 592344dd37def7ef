import { TextDecoder, types } from 'node:util';
import type { SourceSink } from './source.js';

/**
 * In front of a sink, for a stream that may carry bytes: reads them as UTF-8 and passes everything else on.
 *
 * A character that is cut by the end of a chunk waits for the rest of it, so bytes may come and no text go on.
 *
 * @internal
 */
export class TextSink implements SourceSink {
  private decoder: TextDecoder | undefined;

  constructor(private readonly sink: SourceSink) {}

  write(value: unknown): true | Promise<void> {
    if (!ArrayBuffer.isView(value) && !types.isArrayBuffer(value)) {
      return this.sink.write(value);
    }
    // A byte order mark in front is a character like any other: a stream in the middle of a text may begin with it.
    this.decoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
    const text = this.decoder.decode(value as ArrayBuffer | Uint8Array, { stream: true });
    return text === '' ? true : this.sink.write(text);
  }

  push(value: unknown): void {
    this.sink.push(value);
  }

  complete(): void {
    // What is left is half a character, so this is one U+FFFD or nothing.
    const rest = this.decoder?.decode() ?? '';
    if (rest !== '') {
      try {
        // Room is for the next value, and there is none.
        void this.sink.write(rest);
      } catch (error) {
        this.sink.fail(error);
        return;
      }
    }
    this.sink.complete();
  }

  fail(error: unknown): void {
    this.sink.fail(error);
  }

  stray(error: unknown): void {
    this.sink.stray(error);
  }
}
