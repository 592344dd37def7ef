import { WireText } from '../protocol/wire-text.js';
import type { EventLog } from './event-log.js';

/** Events that follow each other in a channel, as bytes that all readers at their beginning write. */
export interface LogSlice {
  readonly text: WireText;
  readonly events: number;
}

/**
 * Slices of one log. Readers that come to the same place share one buffer: that of a slow client is often that of a
 * hundred others. Nothing is kept alive for it: a slice lives as long as a reader holds it.
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
    // One that ends at the head grows with the next event, and is small: it is nobody else's for long.
    if (left <= 0) this.keep(cursor, slice);
    return slice;
  }

  private keep(cursor: number, slice: LogSlice): void {
    // What was collected, or trimmed, is looked for now and then, as the map grows.
    if (this.slices.size >= 64) {
      for (const [at, reference] of this.slices) {
        if (at < this.log.first || !reference.deref()) this.slices.delete(at);
      }
    }
    this.slices.set(cursor, new WeakRef(slice));
  }
}
