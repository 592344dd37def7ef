import type { SseConnection } from '../connection/sse-connection.js';
import { invalidOption } from '../protocol/check-option.js';

/** Tags to be found in `SseConnection.context`. */
export type SseTags = Readonly<Record<string, string | number | boolean>>;

/** Whether a connection has all of the tags. */
export function hasTags(tags: SseTags): (connection: SseConnection) => boolean {
  const entries = Object.entries(tags);
  return ({ context }) => entries.every(([name, value]) => context[name] === value);
}

/**
 * JSON drops `undefined`, and makes `null` of NaN. Other nodes would get fewer tags, and reach more connections.
 *
 * @throws {SseError} `SSE_INVALID_OPTION` when there are no tags, or a tag has no exact form in JSON
 */
export function checkTags(name: string, tags: unknown, allowed = 'tags such as { userId }'): asserts tags is SseTags {
  const isObject = typeof tags === 'object' && tags !== null && !Array.isArray(tags);
  if (!isObject || Object.keys(tags).length === 0) throw invalidOption(name, tags, allowed);
  for (const [tag, value] of Object.entries(tags)) {
    if (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) continue;
    throw invalidOption(`${name}.${tag}`, value, 'a string, a finite number or a boolean');
  }
}
