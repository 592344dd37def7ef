import type { LineEnding } from '../protocol/line-ending.js';

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
 * What became of a write. `true`: there is room for more. `false`: it was taken, but wait for `onDrain` before the next.
 * `'ended'`: other code (a filter, a middleware) has ended the response, so nothing was written.
 *
 * @internal
 */
export type WriteResult = boolean | 'ended';

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

  /** Writes whole frames, `bytes` long in UTF-8. */
  write(text: string, bytes: number): WriteResult;

  /** The same for shared bytes. */
  writeShared(shared: SharedBytes, lineEnding: LineEnding): WriteResult;

  /**
   * A count that grows whenever bytes for this client move on, also in the middle of one large write. Only what two looks
   * at it have between them means something.
   */
  progress(): number;

  /** Calls `listener`, once, at the next drain; `offDrain` takes it back. */
  onDrain(listener: () => void): void;
  offDrain(listener: () => void): void;

  /**
   * Ends the body cleanly after all that was written. `last`: the server goes away, so an HTTP/1.1 socket is not kept
   * for another request.
   */
  end(last: boolean): void;

  /** Cuts the client off, with what it has not read. It does not look like a clean end of the body. */
  destroy(): void;
}
