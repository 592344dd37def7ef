import type { SseBackplaneEvent } from '../backplane/backplane.js';
import { normalizeEvent, type SseSerialize } from '../protocol/encoder.js';
import { Frame } from '../protocol/frame.js';
import type { SseEventInit } from '../protocol/sse-event.js';

/**
 * An event as it is stored: the data is text, and everything is checked. So no node reads a bad event.
 *
 * @throws {SseError} as `encodeEvent` does; `SSE_INVALID_ID` for an event that brings an id
 * @internal
 */
export function toStored(event: SseEventInit, serialize: SseSerialize): SseBackplaneEvent {
  const { type, data, retry, comment } = normalizeEvent(event, serialize);
  return { kind: 'event', type, data, retry, comment };
}

/** The frame of a stored event. An end is an id without data: a client shows nothing, and remembers its position. */
export function storedFrame(event: SseBackplaneEvent, position: string): Frame {
  if (event.kind !== 'event') return Frame.of({ id: position }, position);
  const { type, data, retry, comment } = event;
  return Frame.of({ type, data, retry, comment }, position);
}
