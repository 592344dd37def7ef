import type { ServerResponse } from 'node:http';
import type { LineEnding } from '../protocol/line-ending.js';
import { pendingBytesOf, type SharedBytes, type Writer } from './writer.js';

/**
 * Writes through `res.write`, whatever stands behind it: compression, HTTP/1.0, a pipelined response that waits for its
 * turn, TLS, an injected request without a socket.
 *
 * @internal
 */
export class PlainWriter implements Writer {
  readonly isCorked = false;
  constructor(private readonly res: ServerResponse & { flush?: () => void }) {}

  get bufferedBytes(): number {
    const { res } = this;
    // `res.writableLength` already counts its socket's; the socket is asked for what libuv holds.
    return res.socket ? Math.max(pendingBytesOf(res.socket), res.writableLength) : (res.writableLength ?? 0);
  }

  begin(): void {
    this.res.flushHeaders();
  }

  flush(): void {
    // Each write has left by itself.
  }

  write(text: string): boolean {
    return this.put(text);
  }

  writeShared(shared: SharedBytes, lineEnding: LineEnding): boolean {
    return this.put(shared.bytes(lineEnding));
  }

  onDrain(listener: () => void): void {
    this.res.once('drain', listener);
  }

  offDrain(listener: () => void): void {
    this.res.removeListener('drain', listener);
  }

  end(last: boolean): void {
    const { res } = this;
    if (last) res.once('finish', () => res.socket?.destroySoon());
    res.end();
  }

  destroy(): void {
    this.res.destroy();
  }

  private put(chunk: string | Buffer): boolean {
    const { res } = this;
    // See DirectWriter.write() for the half-closed peer. A pipelined response has no socket yet, and buffers.
    if (res.destroyed || res.writableEnded || res.socket?.writable === false) return true;
    const room = res.write(chunk);
    // Compression keeps bytes back until it is asked for them.
    res.flush?.();
    return room;
  }
}
