/**
 * What a stream has said so far. A client that got strings and nothing else does not expect JSON of an error event.
 *
 * @internal
 */
export type Said = 'nothing' | 'text' | 'json';

/** @param data - of one more event, as it was given: before it became text. */
export function saidWith(said: Said, data: unknown): Said {
  if (data === undefined || said === 'json') return said;
  return typeof data === 'string' ? 'text' : 'json';
}
