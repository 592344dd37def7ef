import { inspect } from 'node:util';
import type { IncomingHttpHeaders } from 'node:http';
import type { SseDecodedEvent } from '../protocol/event-decoder.js';

/** How many events an error shows: the newest ones. */
const SHOWN_EVENTS = 5;

/** How much of a text an error shows, in characters. */
const SHOWN_TEXT = 200;

/**
 * What a test client has received of one response, for the errors that say so.
 *
 * @internal
 */
export class Received {
  private count = 0;
  private newest: SseDecodedEvent[] = [];
  comments = 0;

  constructor(
    private readonly request: string,
    private readonly status: number,
    private readonly headers: IncomingHttpHeaders,
  ) {}

  event(event: SseDecodedEvent): void {
    this.count++;
    this.newest = [...this.newest, event].slice(-SHOWN_EVENTS);
  }

  /** @param body of an answer that is no event stream */
  describe(body: string | undefined): string {
    const { status, headers, newest, count, comments } = this;
    const lines = [`${this.request} was answered with ${status}, ${headers['content-type'] ?? 'no Content-Type'}`];
    const others = Object.entries(headers).filter(([name]) => name !== 'content-type' && !name.startsWith(':'));
    lines.push(`headers: ${short(others.map(([name, value]) => `${name}: ${String(value)}`).join(', '))}`);
    if (body !== undefined) return [...lines, `body: ${short(body)}`].join('\n');
    lines.push(`events: ${count}, comments: ${comments}`);
    if (count > SHOWN_EVENTS) lines.push('  …');
    return [...lines, ...newest.map((event) => `  ${short(inspect(event, { breakLength: Infinity }))}`)].join('\n');
  }
}

function short(text: string): string {
  return text.length <= SHOWN_TEXT ? text : `${text.slice(0, SHOWN_TEXT)}… (${text.length} characters)`;
}
