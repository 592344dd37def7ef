import { kindOf } from '../protocol/show.js';
import { SseError } from '../protocol/sse-error.js';
import { SseEvent, type SseEventFields } from '../protocol/sse-event.js';
import { toEventInit, type SseEventLike } from '../protocol/sse-event-like.js';

/**
 * A finite list of events, for a handler that knows all events at once.
 *
 * Events are checked when they are added, so a mistake shows where it was made, and before the stream begins. Only what
 * `serialize` refuses shows later. The same list can be returned to any number of clients.
 *
 * @example
 * return new SseStream().addEvent('welcome', { name }).addData('one').addData('two');
 *
 * @publicApi
 */
export class SseStream implements Iterable<SseEventLike> {
  private readonly events: SseEventLike[] = [];

  /** @throws SseError as {@link add} does, and `SSE_INVALID_SOURCE` for what is not a list, a string included. */
  constructor(events: Iterable<SseEventLike> = []) {
    // A string is iterable too, and would become one event per character.
    if (typeof events !== 'object' || events === null || typeof events[Symbol.iterator] !== 'function') {
      throw new SseError(
        'SSE_INVALID_SOURCE',
        `new SseStream() takes a list of events, not ${kindOf(events)}. Put a single event into an array, or use add().`,
        { value: events },
      );
    }
    for (const event of events) {
      this.add(event);
    }
  }

  /** How many events there are. */
  get length(): number {
    return this.events.length;
  }

  get isEmpty(): boolean {
    return this.events.length === 0;
  }

  /**
   * Appends an event, or a primitive that is the data of one. The fields are copied, so later changes of the object have no effect.
   *
   * @throws SseError with the code of what cannot be sent. The list is then unchanged.
   */
  add(event: SseEventLike): this {
    const init = toEventInit(event);
    this.events.push(typeof event === 'object' && !(event instanceof SseEvent) ? new SseEvent(init.data, init) : event);
    return this;
  }

  /** Appends an event of the default type. An object is data here, even if it has the keys of an event. */
  addData(data: unknown): this {
    this.events.push(SseEvent.data(data));
    return this;
  }

  /** Appends an event with a type. */
  addEvent(type: string, data?: unknown, fields: Omit<SseEventFields, 'type' | 'event'> = {}): this {
    this.events.push(new SseEvent(data, { ...fields, type }));
    return this;
  }

  [Symbol.iterator](): Iterator<SseEventLike> {
    return this.events[Symbol.iterator]();
  }
}
