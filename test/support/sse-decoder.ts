import { createParser } from 'eventsource-parser';
// The parser inside undici's EventSource, without the request around it. undici has no "exports", so the path is open.
// @ts-expect-error undici types its public entry only.
import * as undiciEventSourceStream from 'undici/lib/web/eventsource/eventsource-stream.js';

/** What a client got out of a stream. */
export interface Decoded {
  readonly events: readonly DecodedEvent[];
  /** What the client would send as `Last-Event-ID` now. */
  readonly lastEventId: string;
  /** The last reconnection time, in milliseconds, if there was one. */
  readonly retry: number | undefined;
  /** The lines of comments, where the parser reports them. */
  readonly comments?: readonly string[];
}

export interface DecodedEvent {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

/** An independent implementation of the standard's section 9.2.6, fed with a body in pieces. */
export interface SseDecoder {
  readonly name: string;
  /**
   * Whether an id counts in a block that dispatches no event, and a retry before its block has ended. By the standard
   * both do; each of the two parsers leaves one of them out.
   */
  readonly deviations: { readonly losesIdWithoutData: boolean; readonly losesRetryWithoutBlankLine: boolean };
  decode(pieces: Iterable<Uint8Array>): Decoded;
}

const eventsourceParser: SseDecoder = {
  name: 'eventsource-parser',
  deviations: { losesIdWithoutData: true, losesRetryWithoutBlankLine: false },
  decode(pieces) {
    const events: DecodedEvent[] = [];
    const comments: string[] = [];
    let lastEventId = '';
    let retry: number | undefined;
    const parser = createParser({
      onEvent({ event, data, id }) {
        lastEventId = id ?? lastEventId;
        events.push({ type: event ?? 'message', data, lastEventId });
      },
      onRetry(ms) {
        retry = ms;
      },
      onComment(comment) {
        comments.push(comment);
      },
    });
    // Takes one leading BOM away, as the standard's "UTF-8 decode" does; the parser is fed with text.
    const utf8 = new TextDecoder();
    for (const piece of pieces) {
      parser.feed(utf8.decode(piece, { stream: true }));
    }
    // It holds a final CR back until it knows that no LF follows. Here that is the end of that line, and else an empty
    // block.
    parser.feed('\n');
    return { events, lastEventId, retry, comments };
  },
};

interface UndiciStream {
  readonly state: { lastEventId?: string; reconnectionTime?: number };
  _transform(chunk: Buffer, encoding: string, callback: (error?: Error) => void): void;
}

interface UndiciEvent {
  readonly type: string;
  readonly options: { readonly data: string; readonly lastEventId?: string };
}

const { EventSourceStream } = undiciEventSourceStream as {
  EventSourceStream: new (options: { push: (event: UndiciEvent) => void }) => UndiciStream;
};

const undici: SseDecoder = {
  name: 'undici',
  deviations: { losesIdWithoutData: false, losesRetryWithoutBlankLine: true },
  decode(pieces) {
    const events: DecodedEvent[] = [];
    const stream = new EventSourceStream({
      push({ type, options }) {
        events.push({ type, data: options.data, lastEventId: options.lastEventId ?? '' });
      },
    });
    // The method under `write()`: what a stream adds is ticks, and the specs decode some hundred thousand times.
    for (const piece of pieces) {
      stream._transform(Buffer.from(piece), 'buffer', (error) => {
        if (error) throw error;
      });
    }
    return { events, lastEventId: stream.state.lastEventId ?? '', retry: stream.state.reconnectionTime };
  },
};

/** Two parsers that share no code, neither with each other nor with the library. */
export const sseDecoders: readonly SseDecoder[] = [eventsourceParser, undici];

/** Every way to cut a body in two, and the body byte by byte. */
export function* everyCut(body: Uint8Array): Generator<readonly Uint8Array[]> {
  for (let at = 0; at <= body.length; at++) {
    yield [body.subarray(0, at), body.subarray(at)];
  }
  yield Array.from(body, (_, at) => body.subarray(at, at + 1));
}

/** The payload of one HTTP/1.1 chunk; throws unless the bytes are exactly that. */
export function dechunk(chunk: Buffer): Buffer {
  const sizeEnd = chunk.indexOf('\r\n');
  const sizeText = chunk.toString('latin1', 0, sizeEnd);
  const size = Number.parseInt(sizeText, 16);
  const payload = chunk.subarray(sizeEnd + 2, sizeEnd + 2 + size);
  if (!/^[0-9a-f]+$/.test(sizeText) || size === 0 || chunk.toString('latin1', sizeEnd + 2 + size) !== '\r\n') {
    throw new Error(`Not one chunk: ${JSON.stringify(chunk.toString('latin1'))}`);
  }
  return payload;
}
