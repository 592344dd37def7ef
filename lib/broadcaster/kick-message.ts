import type { SseBackplaneEvent } from '../backplane/backplane.js';
import type { SseConnection } from '../connection/sse-connection.js';
import { invalidOption } from '../protocol/check-option.js';
import { encodeEvent } from '../protocol/encoder.js';

/** Tags to be found in `SseConnection.context`. */
export type SseTags = Readonly<Record<string, string | number | boolean>>;

/** What one node tells the others: who is to be disconnected, why, and what they are told last. */
export interface KickMessage {
  readonly kick: SseTags;
  readonly reason?: string | undefined;
  readonly event?: SseBackplaneEvent | undefined;
}

/**
 * @throws {SseError} `SSE_INVALID_OPTION` when the tags are none, or one of them cannot be sent as it is
 * @internal
 */
export function formatKick(message: KickMessage): string {
  checkTags(message.kick);
  return JSON.stringify(message);
}

/**
 * Reads what another node said. It may be anything: who can write to the backplane can say it.
 *
 * @throws {SseError} for everything that {@link formatKick} does not make
 * @internal
 */
export function parseKick(text: string): KickMessage {
  const message = parseObject(text);
  const { kick, reason, event } = message;
  checkTags(kick);
  if (reason !== undefined && typeof reason !== 'string') throw malformed(message);
  return { kick, reason, event: event === undefined ? undefined : checkEvent(event) };
}

/** Whether a connection has all of the tags. */
export function hasTags(tags: SseTags): (connection: SseConnection) => boolean {
  const entries = Object.entries(tags);
  return ({ context }) => entries.every(([name, value]) => context[name] === value);
}

/** JSON drops `undefined`, and makes `null` of NaN: the others would be told of fewer tags, and end more connections. */
export function checkTags(tags: unknown, what = 'disconnect'): asserts tags is SseTags {
  const isObject = typeof tags === 'object' && tags !== null && !Array.isArray(tags);
  if (!isObject || Object.keys(tags).length === 0) {
    throw invalidOption(
      what,
      tags,
      what === 'disconnect' ? 'a predicate, or tags such as { userId }' : 'tags such as { userId }',
    );
  }
  for (const [name, value] of Object.entries(tags)) {
    if (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) continue;
    throw invalidOption(`${what}.${name}`, value, 'a string, a finite number or a boolean');
  }
}

function checkEvent(event: unknown): SseBackplaneEvent {
  if (typeof event !== 'object' || event === null) throw malformed(event);
  const { type, data, retry, comment } = event as Partial<SseBackplaneEvent>;
  if (data !== undefined && typeof data !== 'string') throw malformed(event);
  // It checks everything else.
  encodeEvent({ type, data, retry, comment });
  return { kind: 'event', type, data, retry, comment };
}

function parseObject(text: string): Partial<Record<keyof KickMessage, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw malformed(text);
  }
  if (typeof parsed === 'object' && parsed !== null) return parsed;
  throw malformed(text);
}

function malformed(value: unknown): Error {
  return invalidOption('disconnect', value, 'what another node of this version says');
}
