/// <reference lib="es2024.string" />
import type { SseBackplaneEvent } from '../backplane/backplane.js';
import { encodeEvent, type SseSerialize } from '../protocol/encoder.js';
import { checkData } from '../protocol/event-fields.js';
import { Frame } from '../protocol/frame.js';
import { SseError } from '../protocol/sse-error.js';
import type { SseEventInit } from '../protocol/sse-event.js';

/**
 * An event of a channel as it is stored. Filters, `latest` and `history()` see it. It is the same on every node.
 *
 * @publicApi
 */
export interface SseStoredEvent {
  /** Its position in its channel, which is its id. */
  readonly id: string;
  readonly type?: string | undefined;
  /** The data as text, as on the wire: JSON, unless it was a string. */
  readonly data?: string | undefined;
}

/**
 * An event as it is stored: data as text, everything checked.
 *
 * @throws {SseError} as `encodeEvent` does; `SSE_INVALID_ID` for an event that brings an id
 * @internal
 */
export function toStored(event: SseEventInit, serialize: SseSerialize): SseBackplaneEvent {
  const { id, type, event: alias, retry, comment } = event;
  if (id !== undefined) {
    throw new SseError(
      'SSE_INVALID_ID',
      'A published event has an id of its own. The channel gives ids: put yours into data.',
      {
        value: id,
      },
    );
  }
  const data = dataText(event.data, serialize);
  // All checks are made here, once, so that no node that reads the event meets a bad one.
  encodeEvent({ type, event: alias, data, retry, comment });
  const name = type ?? alias;
  // With a type alone there is an empty data line on the wire, or no listener would be called.
  return { kind: 'event', type: name, data: data ?? (name === undefined ? undefined : ''), retry, comment };
}

function dataText(data: unknown, serialize: SseSerialize): string | undefined {
  if (data === undefined) return undefined;
  if (typeof data === 'string') {
    // What clients get: the wire knows lines, not what was between them, and no half characters.
    const exact = data.toWellFormed();
    // Looked for first: `replace()` takes 30 times as long to find nothing.
    return exact.includes('\r') ? exact.replace(/\r\n?/g, '\n') : exact;
  }
  checkData(data);
  // By the encoder, so that there is one rule for what data becomes.
  return linesOf(encodeEvent({ data }, { serialize })).data;
}

/** The frame of a stored event. An end is an id without data: clients see nothing, and know where they are. */
export function storedFrame(event: SseBackplaneEvent, position: string): Frame {
  if (event.kind !== 'event') return Frame.of({ id: position }, position);
  const { type, data, retry, comment } = event;
  return Frame.of({ type, data, retry, comment }, position);
}

/**
 * The event of a frame. A log keeps the text only; what is asked for seldom is read back from it.
 *
 * @internal
 */
export function readFrame(frame: Frame, id: string): SseStoredEvent {
  return { id, ...linesOf(frame.text) };
}

function linesOf(text: string): { type: string | undefined; data: string | undefined } {
  let type: string | undefined;
  let data: string | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('data: ')) data = data === undefined ? line.slice(6) : `${data}\n${line.slice(6)}`;
    else if (line.startsWith('event: ')) type = line.slice(7);
  }
  return { type, data };
}
