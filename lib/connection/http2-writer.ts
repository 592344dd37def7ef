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
  readonly isCorked = false;
  private readonly stream: ServerHttp2Stream;

  constructor(private readonly res: Http2ServerResponse) {
    this.stream = res.stream;
  }

  get bufferedBytes(): number {
    return this.stream.writableLength;
  }

  begin(): void {
    // They have left: `writeHead()` sends them.
  }

  flush(): void {
    // The session sends what has come together in a turn.
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
    // By the response, not the stream: an answer to HEAD, which has no body to end, gets its 'close' only then.
    // The session outlives both; `ConnectionHub.closeSessions()` ends it when the server closes.
    this.res.end();
  }

  destroy(): void {
    // Not CANCEL: Node's own client, and others, take that for a clean end of the body.
    this.stream.close(/* INTERNAL_ERROR, RFC 9113 §7 */ 0x2);
  }
}
