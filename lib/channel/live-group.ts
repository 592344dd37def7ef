import type { Connection } from '../connection/connection.js';
import { WireText } from '../protocol/wire-text.js';
import type { Channel, ReadersAtHead } from './channel.js';
import { formatVector } from './position-vector.js';

/**
 * How much is written at once, in bytes. A burst goes out in slices. So a client whose socket is full holds one slice, not
 * the whole burst.
 */
const SLICE_BYTES = 65_536;

/** A reader that has everything. From now on it gets the same bytes as all others of its group. */
export interface LiveReader {
  readonly connection: Connection;
  /** Its index in the group's list, or -1. Only the group changes it. */
  liveIndex: number;
  /** It is live no more. It has everything before these cursors, one for each channel. */
  fellBehind(cursors: readonly number[]): void;
  /** A write to it threw, and the group has removed it. The other readers go on. */
  failed(error: unknown): void;
}

/**
 * The readers at the heads of the same channels. New events, and their ids, are the same for all of them. So they are
 * encoded once, for one channel or a hundred.
 *
 * A group exists as long as it has readers.
 *
 * @internal
 */
export class LiveGroup implements ReadersAtHead {
  private readers: (LiveReader | undefined)[] = [];
  private holes = 0;
  /** It is writing. Some readers have the new events, and some do not have them yet. */
  isFlushing = false;
  /** In each channel, the number of the first entry that the readers do not have. */
  private cursors: readonly number[];
  /** The same places as positions, which their clients are told. */
  private readonly heads: { readonly hash: string; told: string | undefined }[];

  constructor(
    private readonly channels: readonly Channel[],
    private readonly onEmpty: () => void,
  ) {
    this.cursors = channels.map(({ log }) => log.next);
    this.heads = channels.map(({ hash, log }) => ({ hash, told: log.head }));
    for (const channel of channels) channel.groups.add(this);
  }

  get size(): number {
    return this.readers.length - this.holes;
  }

  /**
   * Adds a reader that has everything. From the next event on it gets what all get.
   *
   * @returns `false` if the others do not have yet what it has. As a watcher, the reader is told when they have it
   */
  join(reader: LiveReader): boolean {
    if (this.hasNews) return false;
    reader.liveIndex = this.readers.push(reader) - 1;
    return true;
  }

  /** Removes a reader. */
  quit(reader: LiveReader): void {
    const { liveIndex } = reader;
    if (liveIndex < 0) return;
    reader.liveIndex = -1;
    if (this.isFlushing) {
      this.readers[liveIndex] = undefined;
      this.holes++;
      return;
    }
    const last = this.readers.pop();
    if (last && last !== reader) {
      this.readers[liveIndex] = last;
      last.liveIndex = liveIndex;
    }
    this.closeIfEmpty();
  }

  /** Removes a reader, and tells it where it stands. Not while the group is flushing. */
  release(reader: LiveReader): void {
    this.leave(reader, this.cursors);
  }

  /** Writes everything new in its channels to all readers, as one buffer. */
  moved(): void {
    // A reader that leaves may publish: what it publishes is written after this flush.
    if (this.isFlushing) return;
    while (this.hasNews && this.size > 0) this.flush();
    // Each reader acts upon an end by itself, because it may have an own last event.
    if (this.channels.every(({ isEnded }) => isEnded)) this.dissolve();
  }

  /** Removes all readers. From now on each reads the log by itself. */
  dissolve(): void {
    // A copy, because leaving fills the place with another reader.
    for (const reader of [...this.readers]) if (reader) this.leave(reader, this.cursors);
  }

  private get hasNews(): boolean {
    const { channels, cursors } = this;
    for (let i = 0; i < channels.length; i++) if (channels[i]!.log.next !== cursors[i]) return true;
    return false;
  }

  private flush(): void {
    const { channels, readers, cursors: before } = this;
    const after: number[] = [];
    let events = 0;
    let left = SLICE_BYTES;
    for (let i = 0; i < channels.length; i++) {
      const { log } = channels[i]!;
      // During a flush, more was published than the log keeps.
      if (before[i]! < log.first) return this.dissolve();
      let cursor = before[i]!;
      while (cursor < log.next && left > 0) left -= log.frameAt(cursor++).byteLength;
      after.push(cursor);
      events += cursor - before[i]!;
    }
    const text = this.textBetween(before, after);
    this.isFlushing = true;
    try {
      this.write(readers.length === 1 ? text : new WireText(text), events, before, after);
    } finally {
      this.isFlushing = false;
      this.cursors = after;
    }
    if (this.holes > 0) this.compact();
    this.closeIfEmpty();
  }

  /** @param text a string for a single reader: its socket encodes a string while it writes, so a buffer would only be more work */
  private write(text: string | WireText, events: number, before: readonly number[], after: readonly number[]): void {
    const { readers } = this;
    for (let i = 0, count = readers.length; i < count; i++) {
      // Around the loop, not in it, because that is faster. The loop begins again behind a reader that threw.
      try {
        for (; i < count; i++) {
          const reader = readers[i];
          if (!reader) continue;
          const { connection } = reader;
          // A ping or a `send()` of this connection may have filled the socket.
          const hadRoom = connection.isWritable;
          if (hadRoom) {
            if (typeof text === 'string') connection.writeOwn(text, events);
            else connection.writeShared(text, events);
          }
          if (!connection.isWritable) this.leave(reader, hadRoom ? after : before);
        }
      } catch (error) {
        this.fail(readers[i], error);
      }
    }
  }

  private fail(reader: LiveReader | undefined, error: unknown): void {
    if (!reader) return;
    this.quit(reader);
    reader.failed(error);
  }

  private textBetween(before: readonly number[], after: readonly number[]): string {
    const { channels, heads } = this;
    let text = '';
    for (let i = 0; i < channels.length; i++) {
      const { log } = channels[i]!;
      for (let number = before[i]!; number < after[i]!; number++) {
        const frame = log.frameAt(number);
        if (channels.length === 1) {
          text += frame.text;
        } else {
          heads[i]!.told = log.positionAt(number);
          text += frame.withId(formatVector(heads));
        }
      }
    }
    return text;
  }

  private leave(reader: LiveReader, cursors: readonly number[]): void {
    this.quit(reader);
    reader.fellBehind(cursors);
  }

  private compact(): void {
    this.readers = this.readers.filter((reader) => reader !== undefined);
    this.holes = 0;
    this.readers.forEach((reader, index) => reader && (reader.liveIndex = index));
  }

  private closeIfEmpty(): void {
    if (this.readers.length > 0) return;
    for (const channel of this.channels) channel.groups.delete(this);
    this.onEmpty();
  }
}
