import type { Encoding } from './encoding.js';
import { show } from './show.js';
import { SseError } from './sse-error.js';

/**
 * The three ways to end a line that the standard knows. A client accepts any of them, mixed as well.
 *
 * `'\n'` costs the fewest bytes. With `'\r'` a parser that cannot tell yet whether a `\n` follows may hold an event back
 * until the next one comes; `eventsource-parser` 3 does, browsers do not.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream (9.2.5, `end-of-line`)
 * @publicApi
 */
export type LineEnding = '\n' | '\r\n' | '\r';

/**
 * Refuses anything but one of the three: `'\n\n'`, say, would cut every event apart.
 *
 * @throws SseError `SSE_INVALID_OPTION`
 * @internal
 */
export function checkLineEnding(value: unknown): asserts value is LineEnding {
  if (value !== '\n' && value !== '\r\n' && value !== '\r') {
    throw new SseError('SSE_INVALID_OPTION', `lineEnding is ${show(value)}. Use '\\n', '\\r\\n' or '\\r'.`, { value });
  }
}

/**
 * Events as the encoder makes them, with lines that end in this way.
 *
 * @internal
 */
export function withLineEnding(text: string, lineEnding: LineEnding): string {
  // Only line ends are a `\n` in such a text, and it has no `\r`.
  return lineEnding === '\n' ? text : text.replaceAll('\n', lineEnding);
}

class LineEndingEncoding implements Encoding {
  constructor(private readonly lineEnding: LineEnding) {}

  encode(text: string): string {
    return withLineEnding(text, this.lineEnding);
  }
}

const ENCODINGS: Readonly<Record<LineEnding, LineEndingEncoding>> = {
  '\n': new LineEndingEncoding('\n'),
  '\r\n': new LineEndingEncoding('\r\n'),
  '\r': new LineEndingEncoding('\r'),
};

/**
 * The encoding that ends lines in this way; `'\n'` leaves a text as it is.
 *
 * @internal
 */
export function lineEndingEncoding(lineEnding: LineEnding): LineEndingEncoding {
  return ENCODINGS[lineEnding];
}
