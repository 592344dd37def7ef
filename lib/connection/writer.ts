import type { WireText } from '../protocol/wire-text.js';

/**
 * What became of a write. `true`: there is room for more. `false`: it was taken, but wait for `onDrain` before the next.
 * `'ended'`: other code (a filter, a middleware) has ended the response, so nothing was written.
 *
 * @internal
 */
export type WriteResult = boolean | 'ended';

/**
 * How events reach one client, in the `Encoding` that it was made with. Chosen once, when the connection opens. The
 * connection is its only caller: it never writes after `end()` or `destroy()`.
 *
 * @internal
 */
export interface Writer {
  /** Bytes of the body that were handed over so far. */
  readonly bytesSent: number;

  /** Bytes (or, for text, characters) that were written and that the kernel has not taken yet. */
  readonly bufferedBytes: number;

  /** Whether what was written waits for `flush()`. Always `false` where there is no `flush()`. */
  readonly isCorked: boolean;

  /** Sends the headers. What is written before the next `flush()` may leave with them. */
  begin(): void;

  /** Nothing more is written for now. */
  flush?(): void;

  /** Writes whole events, as the encoder makes them. */
  write(text: string): WriteResult;

  /** The same for events that other connections write too: encoded once for all of them. */
  writeShared(shared: WireText): WriteResult;

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
