import type { SseBackplane } from '../backplane/backplane.js';
import type { EventLog } from '../log/event-log.js';
import { readFrame, storedFrame, type SseStoredEvent } from './stored-event.js';

/** What is kept of a channel: an event that clients hear of, or what says that a life of the channel is going on. */
export interface KeptEntry {
  /** `undefined` for what no listener of a client is called for: a beginning, an end, a comment, a `retry`. */
  readonly event: SseStoredEvent | undefined;
  /** Whether it begins a life. */
  readonly isStart: boolean;
  readonly isEnd: boolean;
}

/**
 * The events of a log that are kept, oldest first. Nothing when `after` is not known any more, or when something that
 * followed it is gone.
 *
 * Reading drops nothing: it may be a filter that reads, and others are on their way through the log.
 */
export function* readLog(log: EventLog, after?: string): Generator<SseStoredEvent, void> {
  const oldest = log.oldest(performance.now());
  const from = after === undefined ? oldest : (log.cursorAfter(after) ?? -1);
  if (from < oldest) return;
  for (let number = from; number < log.next; number++) {
    const event = eventOf(readFrame(log.frameAt(number), log.positionAt(number)));
    if (event) yield event;
  }
}

/**
 * What a store keeps of a channel, oldest first, a page at a time.
 *
 * @param page how many entries are asked for at once
 */
export async function* readStore(
  backplane: SseBackplane,
  channel: string,
  page: number,
  after?: string,
): AsyncGenerator<KeptEntry, void> {
  for (let from = after; ;) {
    const { entries } = await backplane.read(channel, from, page);
    for (const { position, event } of entries) {
      yield {
        event: eventOf(readFrame(storedFrame(event, position), position)),
        isStart: event.kind === 'start',
        isEnd: event.kind === 'end',
      };
    }
    // A page may be short because its events are large: only an empty one is the end.
    const last = entries.at(-1);
    if (!last) return;
    from = last.position;
  }
}

function eventOf(event: SseStoredEvent): SseStoredEvent | undefined {
  return event.type === undefined && event.data === undefined ? undefined : event;
}
