import { WireText } from '../protocol/wire-text.js';
import type { EventLog } from './event-log.js';

/** Events that follow each other in a channel, as one text that all readers at its beginning share. */
export interface LogSlice {
  readonly text: WireText;
  readonly events: number;
}

/**
 * Slices of one log. Readers that come to the same place share one buffer, because a hundred slow clients are often at the
 * same place. A slice lives only as long as a reader holds it.
 *
 * @internal
 */
export class LogSlices {
  private readonly slices = new Map<number, WeakRef<LogSlice>>();

  constructor(private readonly log: EventLog) {}

  /** What follows the cursor: at least one event, about so many bytes, and nothing from the entry `end` on. */
  from(cursor: number, bytes: number, end: number): LogSlice {
    const known = this.slices.get(cursor)?.deref();
    if (known && cursor + known.events <= end) return known;
    const frames = [];
    let left = bytes;
    for (let number = cursor; number < end && left > 0; number++) {
      const frame = this.log.frameAt(number);
      frames.push(frame);
      left -= frame.byteLength;
    }
    const slice = { text: WireText.join(frames), events: frames.length };
    // A slice that ends at the head is out of date with the next event. It is not worth keeping.
    if (left <= 0) this.keep(cursor, slice);
    return slice;
  }

  private keep(cursor: number, slice: LogSlice): void {
    // Slices that were collected or trimmed leave the map now and then, as it grows.
    if (this.slices.size >= 64) {
      for (const [at, reference] of this.slices) {
        if (at < this.log.first || !reference.deref()) this.slices.delete(at);
      }
    }
    this.slices.set(cursor, new WeakRef(slice));
  }
}
