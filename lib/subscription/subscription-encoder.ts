import { invalidOption } from '../protocol/check-option.js';
import { encodeEvent, encodeEventWithId, type SseSerialize } from '../protocol/encoder.js';
import type { Frame } from '../protocol/frame.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import { isThenable } from '../source/thenable.js';
import type { ChannelCursor } from '../replay/channel-cursor.js';
import { formatVector } from '../channel/position-vector.js';
import type { SseStoredEvent } from '../protocol/sse-stored-event.js';

/** After so many events that a filter left out, the client is told its position. Otherwise it would read them all again. */
const EXCLUDED_EVENTS = 100;

/**
 * Encodes events for one client whose events or ids differ from those of others: it reads several channels, or has a filter.
 *
 * @internal
 */
export class SubscriptionEncoder {
  private excluded = 0;

  constructor(
    private readonly cursors: readonly ChannelCursor[],
    private readonly filter: ((event: SseStoredEvent) => boolean) | undefined,
  ) {}

  /** The id that tells the client its position; empty when there is none. */
  get id(): string {
    const { cursors } = this;
    return cursors.length > 1 ? formatVector(cursors) : (cursors[0]?.told ?? '');
  }

  /** An event of a channel, or an empty text if the filter leaves it out. Moves the cursor. */
  encode(cursor: ChannelCursor, frame: Frame, position: string): string {
    cursor.position = position;
    if (this.isExcluded(frame)) {
      if (++this.excluded < EXCLUDED_EVENTS) return '';
      this.excluded = 0;
      return encodeEventWithId({ id: 0 }, this.id);
    }
    this.excluded = 0;
    return this.cursors.length === 1 ? frame.text : frame.withId(this.id);
  }

  /** An event of the subscription itself: a gap, a snapshot. */
  encodeOwn(event: SseEventInit, serialize?: SseSerialize): string {
    const { id } = this;
    return id === '' ? encodeEvent(event, { serialize }) : encodeEventWithId(event, id, serialize);
  }

  private isExcluded(frame: Frame): boolean {
    const { filter } = this;
    if (!filter) return false;
    const { event } = frame;
    // An end and a comment are no events. A filter has nothing to look at.
    if (event.type === undefined && event.data === undefined) return false;
    const isWanted: unknown = filter(event);
    // A promise is always true. An async filter would let every event pass.
    if (isThenable(isWanted)) throw invalidOption('filter', isWanted, 'a function that answers at once');
    return !isWanted;
  }
}
