import type { ReadableStream } from 'node:stream/web';
import { EventDecoder, type SseDecodedEvent } from '../protocol/event-decoder.js';

/** What an event stream can be read from: the body of a `fetch()`, a Node `Readable`, any async iterable of bytes or text. */
export type SseReadable = AsyncIterable<Uint8Array | string> | ReadableStream<Uint8Array>;

/**
 * Reads the events of another server's event stream. It asks for more bytes when you have taken the last event.
 *
 * Comments are left out. So is what comes after the last blank line, because it is half an event. When you leave the loop, the
 * stream is cancelled. Give `fetch()` the `@SseSignal()` too, so that it also ends while nothing comes.
 *
 * @returns the last event id and the last reconnection time; `for await` does not show them
 * @throws SseError `SSE_EVENT_TOO_LONG` for an event of more than 16 MB; and whatever reading fails with
 * @example
 * const { body } = await fetch(url, { signal });
 * for await (const event of decodeEvents(body!)) yield { ...event, data: event.data.toUpperCase() };
 *
 * @see WHATWG HTML 9.2.6
 * @publicApi
 */
export async function* decodeEvents(
  readable: SseReadable,
): AsyncGenerator<SseDecodedEvent, { readonly lastEventId: string; readonly retry: number | undefined }, undefined> {
  const decoder = new EventDecoder();
  // The decoder takes the byte order mark away, from text as well.
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  for await (const piece of readable as AsyncIterable<Uint8Array | string>) {
    yield* decoder.feed(typeof piece === 'string' ? piece : utf8.decode(piece, { stream: true }));
  }
  // Half a character at the end has no line end after it: it belongs to no event.
  return { lastEventId: decoder.lastEventId, retry: decoder.retry };
}
