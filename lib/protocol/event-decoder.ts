import { SseError } from './sse-error.js';

/**
 * One event as it was read. It has the shape of an event to send, so a handler can yield it as it is.
 *
 * @publicApi
 */
export interface SseDecodedEvent {
  /** What `event:` said; left out for the default, `message`. */
  type?: string;
  data: string;
  /** The last event id, if it has changed since the event before. `''`: the server cleared it. */
  id?: string;
  /** The reconnection time in milliseconds, if it was sent since the event before. */
  retry?: number;
}

/** More than any event that this library would keep in a channel, and little enough for a process to hold. */
const MAX_EVENT_LENGTH = 16_777_216;

/**
 * Takes the text of an event stream apart, however it is cut.
 *
 * @see WHATWG HTML 9.2.6
 * @internal
 */
export class EventDecoder {
  /** What a client would send as `Last-Event-ID` now. */
  lastEventId = '';
  /** The last reconnection time, if one was said. */
  retry: number | undefined;

  /** The beginning of a line whose end has not come. Never searched again: one line may span many chunks. */
  private line = '';
  private isAtStart = true;
  /** The text before ended with a CR: an LF that follows belongs to it. */
  private isAfterCr = false;

  private data = '';
  private hasData = false;
  private type = '';
  private id = '';
  private toldId = '';
  private toldRetry: number | undefined;

  /**
   * @param known the last event id that the reader has from an earlier stream
   * @param onComment told of the text of each comment
   */
  constructor(
    known = '',
    private readonly onComment?: (text: string) => void,
  ) {
    this.lastEventId = this.id = this.toldId = known;
  }

  /**
   * @returns the events that are complete now
   * @throws SseError `SSE_EVENT_TOO_LONG`
   */
  feed(text: string): SseDecodedEvent[] {
    const events: SseDecodedEvent[] = [];
    if (text === '') return events;
    let from = this.firstOf(text);
    const ends = /\r\n?|\n/g;
    ends.lastIndex = from;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      const event = this.take(this.line + text.slice(from, end.index));
      if (event) events.push(event);
      this.line = '';
      from = ends.lastIndex;
    }
    this.isAfterCr = text.endsWith('\r');
    this.line += text.slice(from);
    if (this.line.length + this.data.length > MAX_EVENT_LENGTH) throw tooLong();
    return events;
  }

  /** Where the first line begins: behind a byte order mark, and behind what is left of a CRLF. */
  private firstOf(text: string): number {
    const { isAtStart, isAfterCr } = this;
    this.isAtStart = this.isAfterCr = false;
    if (isAtStart && text.startsWith('\uFEFF')) return 1;
    return isAfterCr && text.startsWith('\n') ? 1 : 0;
  }

  private take(line: string): SseDecodedEvent | undefined {
    if (line === '') return this.dispatch();
    if (line.startsWith(':')) return void this.onComment?.(line.slice(line[1] === ' ' ? 2 : 1));
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    switch (name) {
      case 'data':
        this.data += this.hasData ? `\n${value}` : value;
        this.hasData = true;
        break;
      case 'event':
        this.type = value;
        break;
      case 'id':
        if (!value.includes('\0')) this.id = value;
        break;
      case 'retry':
        if (/^[0-9]+$/.test(value)) this.retry = Number(value);
        break;
    }
    return undefined;
  }

  private dispatch(): SseDecodedEvent | undefined {
    const { data, type, hasData } = this;
    this.lastEventId = this.id;
    this.data = this.type = '';
    this.hasData = false;
    if (!hasData) return undefined;
    const event: SseDecodedEvent = type === '' ? { data } : { type, data };
    if (this.id !== this.toldId) event.id = this.toldId = this.id;
    if (this.retry !== undefined && this.retry !== this.toldRetry) event.retry = this.toldRetry = this.retry;
    return event;
  }
}

function tooLong(): SseError {
  return new SseError(
    'SSE_EVENT_TOO_LONG',
    `An event of the stream that is read is longer than ${MAX_EVENT_LENGTH} characters. Is it an event stream?`,
  );
}
