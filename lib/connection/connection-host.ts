import type { SseCloseReason } from './close-reason.js';
import type { Connection } from './connection.js';

/**
 * What the connections of one application share.
 *
 * @internal
 */
export interface ConnectionHost {
  /** Takes a new connection into the registry, until `remove()`. @returns its number */
  add(connection: Connection): number;
  remove(connection: Connection, reason: SseCloseReason): void;
  /** The id of a connection, made only when somebody asks. */
  idOf(number: number): string;
  /** Calls `connection.flush()` at the end of this turn. */
  flushLater(connection: Connection): void;
  /** Looks after bytes that the kernel did not take at once. */
  watch(connection: Connection): void;
  /** The headers were sent. */
  opened(connection: Connection): void;
  /** Counts events that an overflow policy dropped. */
  dropped(events: number): void;
}
