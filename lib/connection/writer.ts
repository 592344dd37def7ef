import type { LineEnding } from '../protocol/line-ending.js';
import { writeQueueSizeOf } from './node-internals.js';

/**
 * Bytes that many connections share: one allocation, however many sockets it goes to. A `Frame` is one, and so is
 * everything that a channel has new in a turn.
 *
 * @internal
 */
export interface SharedBytes {
  /** The body bytes. */
  bytes(lineEnding: LineEnding): Buffer;
  /** The same bytes as one HTTP/1.1 chunk (RFC 9112 §7.1). */
  chunked(lineEnding: LineEnding): Buffer;
}

/**
 * How bytes reach one client. Chosen once, when the connection opens. The connection is its only caller: it never
 * writes after `end()` or `destroy()`.
 *
 * @internal
 */
export interface Writer {
  /** Bytes (or, for text, characters) that were written and that the kernel has not taken yet. */
  readonly bufferedBytes: number;

  /** Whether what was written waits for `flush()`. */
  readonly isCorked: boolean;

  /** Sends the headers. What is written before the next `flush()` may leave with them. */
  begin(): void;

  /** Nothing more is written for now. */
  flush(): void;

  /** Writes whole frames, `bytes` long in UTF-8. `false`: they were taken, but wait for `onDrain` before the next. */
  write(text: string, bytes: number): boolean;

  /** The same for shared bytes. */
  writeShared(shared: SharedBytes, lineEnding: LineEnding): boolean;

  /** Calls `listener` at the next drain; `offDrain` takes it back. */
  onDrain(listener: () => void): void;
  offDrain(listener: () => void): void;

  /**
   * Ends the body cleanly after all that was written. `last`: the server goes away, so an HTTP/1.1 socket is not kept
   * for another request.
   */
  end(last: boolean): void;

  /** Cuts the client off, with what it has not read. */
  destroy(): void;
}

/**
 * Bytes a socket holds back. `writableLength` counts a large buffer as a whole until its last byte is gone; libuv's
 * queue shrinks while it goes, so that a slow link that moves is told from a dead one.
 *
 * @internal
 */
export function pendingBytesOf(socket: { readonly writableLength: number }): number {
  const buffered = socket.writableLength;
  if (buffered === 0) return 0;
  const queued = writeQueueSizeOf(socket);
  return queued === undefined ? buffered : buffered + queued;
}
