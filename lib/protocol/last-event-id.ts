/**
 * The id that a returning client sends back, out of a `Last-Event-ID` header.
 *
 * Total: whatever a client sends gives a string or `undefined`, and never an error. The string may be hostile; that it
 * is one of ours is for whoever minted ids to decide. Bytes that are not UTF-8 become U+FFFD, which no id of this
 * library contains.
 *
 * @param raw - as Node has it. Several headers are joined with `', '`, as Node joins them.
 * @returns `undefined` for an absent or empty header: a browser never sends an empty one.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header (9.2.4)
 * @internal
 */
export function decodeLastEventId(raw: string | readonly string[] | undefined): string | undefined {
  const text = Array.isArray(raw) ? raw.filter((part) => typeof part === 'string').join(', ') : raw;
  return typeof text === 'string' ? present(decodeUtf8(text)) : undefined;
}

/**
 * The id that a client resumes from: the `Last-Event-ID` header, else the query parameter `lastEventId` or
 * `last_event_id`.
 *
 * The parameter is for first connections and polyfills, which cannot set headers. The header goes first: an
 * `EventSource` reconnects to the same URL, so by then the parameter is out of date. Total, as
 * {@link decodeLastEventId} is.
 *
 * @param headers - with names in lower case, as Node has them.
 * @param query - as the framework parsed it. Of a repeated parameter the first counts.
 * @internal
 */
export function readLastEventId(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  query: unknown,
): string | undefined {
  return decodeLastEventId(headers['last-event-id']) ?? readQuery(query);
}

function readQuery(query: unknown): string | undefined {
  if (typeof query !== 'object' || query === null) {
    return undefined;
  }
  const { lastEventId, last_event_id } = query as { lastEventId?: unknown; last_event_id?: unknown };
  return firstText(lastEventId) ?? firstText(last_event_id);
}

function firstText(parameter: unknown): string | undefined {
  const first: unknown = Array.isArray(parameter) ? parameter[0] : parameter;
  return typeof first === 'string' ? present(first) : undefined;
}

/** Undoes Node's reading of header bytes as Latin-1. */
function decodeUtf8(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0xff) {
      // Not from a socket, `inject()` for one: Latin-1 would cut the high bytes off and could make another's id of it.
      return text;
    }
  }
  // `TextDecoder` would drop a leading U+FEFF, which an id may have.
  return Buffer.from(text, 'latin1').toString('utf8');
}

/**
 * Takes away what HTTP does not count as part of a value (RFC 9110 §5.6.3: space and tab), and empty for absent.
 *
 * Not `trim()`, which takes a no-break space or U+FEFF as well. And after decoding: 0xA0 is a no-break space in Latin-1,
 * but also the last byte of `à`.
 */
function present(text: string): string | undefined {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) {
    start++;
  }
  while (end > start && isSpace(text.charCodeAt(end - 1))) {
    end--;
  }
  return start === end ? undefined : text.slice(start, end);
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x09;
}
