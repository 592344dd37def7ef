import { invalidOption } from '../protocol/check-option.js';
import { encodeEvent, encodeEventWithId, type SseSerialize } from '../protocol/encoder.js';
import type { Frame } from '../protocol/frame.js';
import { SseError } from '../protocol/sse-error.js';
import { toEventInit, type SseEventLike } from '../protocol/sse-event-like.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import { isThenable } from '../source/thenable.js';
import type { ChannelCursor } from '../replay/channel-cursor.js';
import { formatVector } from '../channel/position-vector.js';
import type { SseStoredEvent } from '../protocol/sse-stored-event.js';

/** After so many events that a filter left out, the client is told its position. Otherwise it would read them all again. */
const EXCLUDED_EVENTS = 100;

/**
 * Encodes events for one client whose events or ids differ from those of others: it reads several channels, or has a
 * filter or a map.
 *
 * @internal
 */
export class SubscriptionEncoder {
  private excluded = 0;

  constructor(
    private readonly cursors: readonly ChannelCursor[],
    private readonly filter: ((event: SseStoredEvent) => boolean) | undefined,
    private readonly map: ((event: SseStoredEvent) => SseEventLike) | undefined,
    private readonly serialize: SseSerialize,
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
    if (this.map && isEvent(frame)) return encodeEventWithId(mapped(this.map(frame.event)), this.id, this.serialize);
    return this.cursors.length === 1 ? frame.text : frame.withId(this.id);
  }

  /** An event of the subscription itself: a gap, a snapshot. */
  encodeOwn(event: SseEventInit): string {
    const { id, serialize } = this;
    return id === '' ? encodeEvent(event, { serialize }) : encodeEventWithId(event, id, serialize);
  }

  private isExcluded(frame: Frame): boolean {
    const { filter } = this;
    if (!filter || !isEvent(frame)) return false;
    const isWanted: unknown = filter(frame.event);
    // A promise is always true. An async filter would let every event pass.
    if (isThenable(isWanted)) throw invalidOption('filter', isWanted, 'a function that answers at once');
    return !isWanted;
  }
}

/** An end and a comment are no events. A filter and a map have nothing to look at. */
function isEvent({ event: { type, data } }: Frame): boolean {
  return type !== undefined || data !== undefined;
}

function mapped(made: unknown): SseEventInit {
  const event = toEventInit(made);
  if (event.id === undefined) return event;
  throw new SseError(
    'SSE_INVALID_ID',
    'map of a subscription returned an event with an id of its own. Clients resume by the ids of the channel: put yours into data.',
    { value: event.id },
  );
}
