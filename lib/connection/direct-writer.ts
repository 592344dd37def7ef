import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { LineEnding } from '../protocol/line-ending.js';
import { pendingBytesOf, type SharedBytes, type Writer } from './writer.js';

/**
 * HTTP/1.1, written straight to the socket: a frame is already a chunk, so one `socket.write` of a Buffer that all
 * connections share replaces the three writes, the cork and the tick of `res.write`. That is most of what an event costs.
 *
 * @internal
 */
export class DirectWriter implements Writer {
  isCorked = false;

  constructor(
    private readonly res: ServerResponse,
    private readonly socket: Socket,
  ) {}

  get bufferedBytes(): number {
    return pendingBytesOf(this.socket);
  }

  begin(): void {
    // A new client's position, or its first events, in one packet with the headers: a write costs more than all else here.
    this.isCorked = true;
    this.socket.cork();
    this.res.flushHeaders();
  }

  flush(): void {
    if (!this.isCorked) return;
    this.isCorked = false;
    this.socket.uncork();
  }

  write(text: string, bytes: number): boolean {
    // A socket whose peer half-closed is ended by Node before 'close'. Writing to it then would raise 'clientError',
    // which servers answer with a 400 in the middle of the body.
    if (!this.socket.writable) return true;
    return this.hasRoom(this.socket.write(`${bytes.toString(16)}\r\n${text}\r\n`));
  }

  writeShared(shared: SharedBytes, lineEnding: LineEnding): boolean {
    return !this.socket.writable || this.hasRoom(this.socket.write(shared.chunked(lineEnding)));
  }

  /** Node calls a large write too much even when the kernel has taken all of it at once. */
  private hasRoom(room: boolean): boolean {
    return room || this.socket.writableLength === 0;
  }

  onDrain(listener: () => void): void {
    this.socket.once('drain', listener);
  }

  offDrain(listener: () => void): void {
    this.socket.removeListener('drain', listener);
  }

  end(last: boolean): void {
    const { res, socket } = this;
    if (last) res.once('finish', () => socket.destroySoon());
    res.end();
  }

  destroy(): void {
    this.socket.destroy();
  }
}
