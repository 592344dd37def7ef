import type { ServerResponse } from 'node:http';
import type { Encoding } from '../protocol/encoding.js';
import type { WireText } from '../protocol/wire-text.js';
import { pendingBytesOf, resetSocket, takenBytesOf } from './node-internals.js';
import type { Writer, WriteResult } from './writer.js';

/**
 * Writes through `res.write`, whatever stands behind it: compression, HTTP/1.0, a pipelined response that waits for its
 * turn, TLS, an injected request without a socket.
 *
 * @internal
 */
export class PlainWriter implements Writer {
  readonly isCorked = false;
  bytesSent = 0;
  private isEnding = false;
  private waiting: (() => void) | undefined;
  private drained: (() => void) | undefined;

  constructor(
    private readonly res: ServerResponse & { flush?: () => void },
    private readonly encoding: Encoding,
  ) {}

  get bufferedBytes(): number {
    const { res } = this;
    // `res.writableLength` already counts its socket's; the socket is asked for what libuv holds.
    const buffered = res.socket ? Math.max(pendingBytesOf(res.socket), res.writableLength) : (res.writableLength ?? 0);
    // What a layer in between, such as compression, still has is not counted anywhere.
    return this.isEnding && !res.writableFinished ? Math.max(buffered, 1) : buffered;
  }

  begin(): void {
    this.res.flushHeaders();
  }

  write(text: string): WriteResult {
    const payload = this.encoding.encode(text);
    return this.put(payload, Buffer.byteLength(payload));
  }

  writeShared(shared: WireText): WriteResult {
    const { bytes, byteLength } = shared.in(this.encoding);
    return this.put(bytes, byteLength);
  }

  progress(): number {
    return takenBytesOf(this.res.socket) ?? -this.bufferedBytes;
  }

  /**
   * One listener for as long as the response lives: compression() takes 'drain' listeners for its own stream, and no
   * `removeListener()` finds them there, not even that of `once()`.
   */
  onDrain(listener: () => void): void {
    this.waiting = listener;
    if (this.drained) return;
    this.drained = () => {
      const { waiting } = this;
      this.waiting = undefined;
      waiting?.();
    };
    this.res.on('drain', this.drained);
  }

  offDrain(): void {
    this.letGo();
  }

  end(last: boolean): void {
    const { res } = this;
    this.isEnding = true;
    this.letGo();
    if (last) res.once('finish', () => res.socket?.destroySoon());
    res.end();
  }

  destroy(): void {
    const { res } = this;
    this.letGo();
    // Without chunks, as on HTTP/1.0, the body ends where the connection does: a FIN would look like its clean end.
    if (!res.chunkedEncoding && res.socket) resetSocket(res.socket);
    res.destroy();
  }

  private letGo(): void {
    this.waiting = undefined;
    if (this.drained) this.res.removeListener('drain', this.drained);
    this.drained = undefined;
  }

  private put(payload: string | Buffer, bytes: number): WriteResult {
    const { res } = this;
    if (res.writableEnded) return 'ended';
    this.bytesSent += bytes;
    // See DirectWriter.write() for the half-closed peer. A pipelined response has no socket yet, and buffers.
    if (res.destroyed || res.socket?.writable === false) return true;
    const room = res.write(payload);
    // Compression keeps bytes back until it is asked for them.
    res.flush?.();
    return room;
  }
}
