import type { SseBackplane, SseBackplaneEvent } from '../backplane/backplane.js';
import type { EventLog } from '../log/event-log.js';
import type { Frame } from '../protocol/frame.js';
import type { SseStoredEvent } from '../protocol/sse-stored-event.js';
import { storedFrame } from './stored-event.js';
import { setImmediate } from '../protocol/event-loop.js';

/** An entry that is kept of a channel. Not every entry is an event: one may only mark the beginning or the end of a life. */
export interface HistoryEntry {
  /** `undefined` for an entry that calls no listener of a client: a beginning, an end, a comment, a `retry`. */
  readonly event: SseStoredEvent | undefined;
  /** Whether it begins a life. */
  readonly isStart: boolean;
  readonly isEnd: boolean;
}

/**
 * The events of a log that are kept, oldest first. Nothing when `after` is not known any more, or when something that
 * followed it is gone.
 *
 * Reading drops nothing. A filter may call this while others read the log.
 */
export function* readLog(log: EventLog, after?: string): Generator<SseStoredEvent, void> {
  for (let number = firstOf(log, after); number < log.next; number++) {
    const event = eventOf(log.frameAt(number).read());
    if (event) yield event;
  }
}

function firstOf(log: EventLog, after: string | undefined): number {
  const oldest = log.oldest(performance.now());
  const from = after === undefined ? oldest : (log.cursorAfter(after) ?? -1);
  return from < oldest ? log.next : from;
}

function framesOf(log: EventLog, after: string | undefined): Frame[] {
  const from = firstOf(log, after);
  return Array.from({ length: log.next - from }, (_, n) => log.frameAt(from + n));
}

/** How long reading may block the event loop at a time, in milliseconds. */
const TURN_MS = 2;

/** Bytes that are asked of the store at a time. */
const PAGE_BYTES = 1_048_576;

/** As {@link readLog}, in several turns, because ten thousand events take a while. It returns the events of the moment of the call. */
export async function readLogInTurns(
  log: EventLog,
  after: string | undefined,
  limit: number,
): Promise<SseStoredEvent[]> {
  const events: SseStoredEvent[] = [];
  let turnEnds = performance.now() + TURN_MS;
  for (const frame of framesOf(log, after)) {
    const event = eventOf(frame.read());
    if (event && events.push(event) === limit) break;
    if (performance.now() >= turnEnds) turnEnds = await nextTurn();
  }
  return events;
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
): AsyncGenerator<HistoryEntry, void> {
  let turnEnds = performance.now() + TURN_MS;
  for (let from = after; ;) {
    const { entries } = await backplane.read(channel, from, page, PAGE_BYTES);
    for (const { position, event } of entries) {
      if (performance.now() >= turnEnds) turnEnds = await nextTurn();
      yield {
        event: readStored(event, position),
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

/** Anyone with access to the store may have written an entry. One that is no event is left out. */
function readStored(event: SseBackplaneEvent, position: string): SseStoredEvent | undefined {
  try {
    return eventOf(storedFrame(event, position).read());
  } catch {
    return undefined;
  }
}

function eventOf(event: SseStoredEvent): SseStoredEvent | undefined {
  return event.type === undefined && event.data === undefined ? undefined : event;
}

/** Lets others have the event loop. @returns when this turn is over */
async function nextTurn(): Promise<number> {
  await new Promise(setImmediate);
  return performance.now() + TURN_MS;
}
