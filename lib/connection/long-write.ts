import type { Writable } from 'node:stream';

/**
 * As much as is handed to any socket that drains (`SLICE_BYTES` of `Outgoing`): such slices go out whole. A client that
 * takes less than that within `writeTimeoutMs` is taken for dead.
 *
 * @internal
 */
export const PIECE_BYTES = 65_536;

/**
 * A write that is handed to a stream in pieces. Each piece follows when the one before has left. A stream does not tell its
 * progress within one write. So a client that takes 12 MB slowly would look like a dead one.
 *
 * @internal
 */
export class LongWrite {
  /** Bytes that were not handed over yet. */
  byteLength = 0;
  private readonly waiting: Buffer[] = [];

  /** @param done called, once, when all was handed over and there is room for more */
  constructor(
    private readonly stream: Writable,
    private readonly done: () => void,
  ) {}

  /** Appends `bytes`. */
  add(bytes: Buffer): void {
    this.waiting.push(bytes);
    this.byteLength += bytes.length;
  }

  /** Hands over what there is room for. @returns whether that was all, and nothing has to be waited for */
  start(): boolean {
    if (this.handOver()) return true;
    this.stream.on('drain', this.onDrain);
    return false;
  }

  /** Forgets what was not handed over; `done` is not called any more. */
  cancel(): void {
    this.waiting.length = this.byteLength = 0;
    this.stream.removeListener('drain', this.onDrain);
  }

  private readonly onDrain = (): void => {
    if (!this.handOver()) return;
    this.stream.removeListener('drain', this.onDrain);
    this.done();
  };

  private handOver(): boolean {
    const { stream, waiting } = this;
    // Other code may have ended the stream meanwhile; its 'close' follows.
    if (stream.writableNeedDrain || !stream.writable) return false;
    for (let bytes = waiting.shift(); bytes; bytes = waiting.shift()) {
      const piece = bytes.subarray(0, PIECE_BYTES);
      if (piece.length < bytes.length) waiting.unshift(bytes.subarray(PIECE_BYTES));
      this.byteLength -= piece.length;
      if (!stream.write(piece)) return false;
    }
    return true;
  }
}
