import { kindOf, show } from './show.js';
import { SseError } from './sse-error.js';

/**
 * A response header as options and routes give it: its value, or `null` or `false` to have none of that name.
 *
 * @publicApi
 */
export type SseHeaderValue = string | number | readonly string[] | null | false;

/**
 * Response headers by name, in any case. `undefined` says nothing about a header.
 *
 * @publicApi
 */
export type SseHeaders = Readonly<Record<string, SseHeaderValue | undefined>>;

/**
 * What every event stream is answered with, unless someone says otherwise.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#server-sent-events-intro (the media type)
 * @internal
 */
export const DEFAULT_HEADERS = Object.freeze({
  // No charset: an event stream is always UTF-8, and the media type's only legal charset says the same.
  'Content-Type': 'text/event-stream',
  // `no-store` is what keeps a stream out of caches; `no-transform` keeps compressing proxies from holding events back;
  // `private, no-cache` is for caches that know no more than these. RFC 9111 §5.2.2
  'Cache-Control': 'private, no-cache, no-store, no-transform',
  // Without it nginx collects a response until its buffer is full.
  'X-Accel-Buffering': 'no',
  // Data is often what users wrote: a browser that opens the stream as a page must not take it for HTML.
  'X-Content-Type-Options': 'nosniff',
  // What HTTP/1.1 means anyway, for intermediaries that speak 1.0. RFC 9112 §9.3
  Connection: 'keep-alive',
});

/**
 * What `Vary` must say when shared caches may keep the answer: what a client gets depends on its position.
 *
 * @param vary - what it says so far; `undefined` for nothing.
 * @returns the new value, or `undefined` when there is nothing to add.
 * @see RFC 9110 §12.5.5, RFC 9111 §4.1
 * @internal
 */
export function varyOnPosition(cacheControl: HeaderText, vary: HeaderText): string | undefined {
  if (!listOf(cacheControl).includes('public')) return undefined;
  const names = listOf(vary);
  if (names.includes('*') || names.includes('last-event-id')) return undefined;
  return names.length === 0 ? 'Last-Event-ID' : [vary, 'Last-Event-ID'].flat().join(', ');
}

type HeaderText = number | string | readonly string[] | undefined;

function listOf(value: HeaderText): string[] {
  const items = String(value ?? [])
    .toLowerCase()
    .split(',');
  return items.map((item) => item.trim()).filter((item) => item !== '');
}

/** What describes a connection of HTTP/1.x, and makes a message of a later version malformed. RFC 9113 §8.2.2 */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The headers of all layers together: a later layer wins over earlier ones, whatever the case of the names.
 *
 * A winner keeps its own spelling. Where caches may share the answer, `Vary` names what it depends on. `null` and `false` take away what earlier layers set. Headers that describe a
 * connection of HTTP/1.x are left out of any other version. Whether HTTP allows a name or a value is for the options to
 * check, with Node's own validators, which this layer does not import.
 *
 * @param httpVersionMajor - of the request, as `IncomingMessage.httpVersionMajor`.
 * @throws SseError `SSE_INVALID_OPTION` for a value of another type.
 * @internal
 */
export function mergeHeaders(
  httpVersionMajor: number,
  ...layers: readonly (SseHeaders | undefined)[]
): Record<string, string | string[]> {
  const merged = new Map<string, [name: string, value: string | string[]]>();
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer ?? {})) {
      const key = name.toLowerCase();
      if (value === null || value === false) {
        merged.delete(key);
      } else if (value !== undefined && (httpVersionMajor < 2 || !CONNECTION_HEADERS.has(key))) {
        merged.set(key, [name, headerText(name, value)]);
      }
    }
  }
  const vary = varyOnPosition(merged.get('cache-control')?.[1], merged.get('vary')?.[1]);
  if (vary !== undefined) merged.set('vary', [merged.get('vary')?.[0] ?? 'Vary', vary]);
  // Without a prototype, so that a header may be called `__proto__`, and nothing is found that nobody has set.
  return Object.assign(Object.create(null) as object, Object.fromEntries(merged.values()));
}

function headerText(name: string, value: unknown): string | string[] {
  if (typeof value === 'string') {
    return value;
  }
  if (typeof value === 'number') {
    return String(value);
  }
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    return [...value];
  }
  throw new SseError(
    'SSE_INVALID_OPTION',
    `headers[${show(name)}] is ${kindOf(value)}. Use a string, a number, an array of strings, or null to send none.`,
    { value },
  );
}
