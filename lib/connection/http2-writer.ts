import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2';
import type { LineEnding } from '../protocol/line-ending.js';
import type { SharedBytes, Writer } from './writer.js';

/**
 * HTTP/2: the stream itself, without the compatibility layer. Flow control is the stream's own, so a client that does
 * not read one stream does not hold up the others of its session.
 *
 * @internal
 */
export class Http2Writer implements Writer {
  private readonly stream: ServerHttp2Stream;

  constructor(res: Http2ServerResponse) {
    this.stream = res.stream;
  }

  get bufferedBytes(): number {
    return this.stream.writableLength;
  }

  write(text: string): boolean {
    return !this.stream.writable || this.stream.write(text);
  }

  writeShared(shared: SharedBytes, lineEnding: LineEnding): boolean {
    return !this.stream.writable || this.stream.write(shared.bytes(lineEnding));
  }

  onDrain(listener: () => void): void {
    this.stream.once('drain', listener);
  }

  offDrain(listener: () => void): void {
    this.stream.removeListener('drain', listener);
  }

  end(): void {
    // The session outlives the stream; `ConnectionHub.closeSessions()` ends it when the server closes.
    this.stream.end();
  }

  destroy(): void {
    this.stream.close(/* CANCEL, RFC 9113 §7 */ 0x8);
  }
}
