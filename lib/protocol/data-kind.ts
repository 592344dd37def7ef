/**
 * What data a stream has sent so far. A client that got strings and nothing else does not expect JSON of an error event.
 *
 * @internal
 */
export type DataKind = 'nothing' | 'text' | 'json';

/** The kind after one more event. @param data - of that event, as it was given: before it became text. */
export function dataKindAfter(before: DataKind, data: unknown): DataKind {
  if (data === undefined || before === 'json') return before;
  return typeof data === 'string' ? 'text' : 'json';
}
