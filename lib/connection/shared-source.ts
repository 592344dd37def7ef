import type { Connection } from './connection.js';
import type { StreamEnd } from './stream-end.js';

/**
 * A source that knows how to feed connections by itself: a subscription of the broadcaster. It shares what it writes
 * with other connections, which a source that runs for one client cannot.
 *
 * @internal
 */
export interface SharedSource {
  /**
   * Starts to feed `connection`, or, when it can not, ends it with `source_failed`. Called once for each connection.
   *
   * @returns a promise that resolves, within a second, when it is known whether there is a stream at all: headers wait for it
   */
  [FEED](connection: Connection, end: StreamEnd): Promise<void> | undefined;
}

/** @internal */
export const FEED = Symbol.for('nestjs-event-stream.feed');

/** @internal */
export function isSharedSource(value: unknown): value is SharedSource {
  return typeof (value as Partial<SharedSource> | null | undefined)?.[FEED] === 'function';
}
