import type { SseBackplaneEvent } from '../backplane/backplane.js';
import type { StoredEntry } from '../following/channel-store.js';
import { checkComment, retryText, typeText } from '../protocol/event-fields.js';
import { ENTRY_OVERHEAD } from './script.js';
import { isPosition } from './stream-position.js';

/** What a start costs that carries nothing: nobody misses it. */
const START_BYTES = ENTRY_OVERHEAD + 1;

/** One letter for each kind, the first of what is stored: the scripts look for `N`. */
const LETTERS = { event: 'E', start: 'S', end: 'N' } as const;
const KINDS = { E: 'event', S: 'start', N: 'end' } as const;

/**
 * An event as it is stored and sent: `<kind>[<fields as JSON>][\n<data>]`.
 *
 * The data is as it is, not inside the JSON: it is usually JSON itself, and escaping every quote in it costs a sixth of
 * the bytes and more time than all the rest.
 *
 * @internal
 */
export function encodeStored({ kind, type, retry, comment, data }: SseBackplaneEvent): string {
  const fields =
    type === undefined && retry === undefined && comment === undefined ? '' : JSON.stringify({ type, retry, comment });
  return `${LETTERS[kind]}${fields}${data === undefined ? '' : `\n${data}`}`;
}

/**
 * The event, or `undefined` for what is none: anyone with access to Redis may have written it.
 *
 * @internal
 */
export function decodeStored(text: string): SseBackplaneEvent | undefined {
  const kind = KINDS[text.charAt(0) as keyof typeof KINDS] as SseBackplaneEvent['kind'] | undefined;
  if (kind === undefined) return undefined;
  // JSON has no raw line break in it, so the first one ends the fields.
  const lineEnd = text.indexOf('\n');
  const head = lineEnd === -1 ? text.slice(1) : text.slice(1, lineEnd);
  const data = lineEnd === -1 ? undefined : text.slice(lineEnd + 1);
  const fields = head === '' ? {} : parseFields(head);
  // What no node could encode: it would throw where every reader of the channel is told.
  if (!fields || (kind === 'event' && data === undefined && Object.values(fields).every((one) => one === undefined))) {
    return undefined;
  }
  return { kind, ...fields, data };
}

function parseFields(json: string): Pick<SseBackplaneEvent, 'type' | 'retry' | 'comment'> | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return undefined;
  const { type, retry, comment } = fields as Record<string, unknown>;
  try {
    const name = typeText(type, undefined);
    if (retry !== undefined) retryText(retry);
    if (comment !== undefined) checkComment(comment);
    return { type: name, retry: retry as number | undefined, comment };
  } catch {
    return undefined;
  }
}

/**
 * What a notification says, or `undefined` if that is not for us: `<position> <previous> <from or -> <event>`.
 *
 * @internal
 */
export function parseNotification(text: string): StoredEntry | undefined {
  const first = text.indexOf(' ');
  const second = text.indexOf(' ', first + 1);
  const third = text.indexOf(' ', second + 1);
  if (first === -1 || second === -1 || third === -1) return undefined;
  const position = text.slice(0, first);
  const previous = text.slice(first + 1, second);
  const from = text.slice(second + 1, third);
  if (!isPosition(position)) return undefined;
  return {
    position,
    previous,
    from: from === '-' ? undefined : from,
    life: undefined,
    event: decodeStored(text.slice(third + 1)),
  };
}

/**
 * An entry of the answer to `XRANGE`: `[id, [m, <previous> <from or -> <life> <bytes> <max age>, e, <event>]]`.
 *
 * @internal
 */
export function parseRow(row: unknown): StoredEntry {
  const [id, fields] = row as [unknown, unknown];
  const [m, meta, e, event] = Array.isArray(fields) && fields.length === 4 ? (fields as unknown[]).map(String) : [];
  const parts = m === 'm' && e === 'e' ? (meta ?? '').split(' ') : [];
  const [previous = '', from = '-', life, bytes] = parts;
  const isOurs = parts.length === 5 && isPosition(previous);
  return {
    position: String(id),
    previous,
    from: from === '-' ? undefined : from,
    life,
    isFirst: isOurs && Number(bytes) - Buffer.byteLength(event ?? '') - ENTRY_OVERHEAD <= START_BYTES,
    event: isOurs ? decodeStored(event ?? '') : undefined,
  };
}
