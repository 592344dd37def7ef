import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2';
import type { Encoding } from '../protocol/encoding.js';
import type { WireText } from '../protocol/wire-text.js';
import { LongWrite, PIECE_BYTES } from './long-write.js';
import type { Writer, WriteResult } from './writer.js';

/**
 * HTTP/2: the stream itself, without the compatibility layer. Flow control is the stream's own, so a client that does
 * not read one stream does not hold up the others of its session.
 *
 * @internal
 */
export class Http2Writer implements Writer {
  readonly isCorked = false;
  bytesSent = 0;
  private readonly stream: ServerHttp2Stream;
  /** There as long as a long write, or what came after it, has not been handed over. */
  private long: LongWrite | undefined;
  private isEnding = false;
  private waiting: (() => void) | undefined;

  constructor(
    private readonly res: Http2ServerResponse,
    private readonly encoding: Encoding,
  ) {
    this.stream = res.stream;
  }

  get bufferedBytes(): number {
    return this.stream.writableLength + (this.long?.byteLength ?? 0);
  }

  begin(): void {
    // They have left: `writeHead()` sends them.
  }

  write(text: string): WriteResult {
    if (!this.stream.writable) return this.refuse();
    const payload = this.encoding.encode(text);
    return this.put(payload, Buffer.byteLength(payload));
  }

  writeShared(shared: WireText): WriteResult {
    if (!this.stream.writable) return this.refuse();
    const { bytes, byteLength } = shared.in(this.encoding);
    return this.put(bytes, byteLength);
  }

  progress(): number {
    return this.bytesSent - this.bufferedBytes;
  }

  onDrain(listener: () => void): void {
    if (this.long) this.waiting = listener;
    else this.stream.once('drain', listener);
  }

  offDrain(listener: () => void): void {
    this.waiting = undefined;
    this.stream.removeListener('drain', listener);
  }

  end(): void {
    this.isEnding = true;
    // By the response, not the stream: an answer to HEAD, which has no body to end, gets its 'close' only then.
    // The session outlives both; `Http2Sessions.close()` ends it when the server closes.
    if (!this.long) this.res.end();
  }

  destroy(): void {
    this.long?.cancel();
    this.long = this.waiting = undefined;
    // Not CANCEL: Node's own client, and others, take that for a clean end of the body.
    this.stream.close(/* INTERNAL_ERROR, RFC 9113 §7 */ 0x2);
  }

  /** A stream that the client has closed is not writable either; 'close' follows. */
  private refuse(): WriteResult {
    return this.stream.writableEnded && !this.stream.destroyed ? 'ended' : true;
  }

  private put(payload: string | Buffer, bytes: number): boolean {
    this.bytesSent += bytes;
    // The session sends what has come together in a turn.
    if (bytes <= PIECE_BYTES && !this.long) return this.stream.write(payload);
    return this.writeLong(typeof payload === 'string' ? Buffer.from(payload) : payload);
  }

  private writeLong(bytes: Buffer): boolean {
    if (this.long) {
      this.long.add(bytes);
      return false;
    }
    const long = new LongWrite(this.stream, () => this.longIsOver());
    long.add(bytes);
    if (long.start()) return true;
    this.long = long;
    return false;
  }

  private longIsOver(): void {
    const { waiting } = this;
    this.long = this.waiting = undefined;
    if (this.isEnding) this.res.end();
    else waiting?.();
  }
}
