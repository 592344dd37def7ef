import type { SseCloseReason } from './close-reason.js';
import type { Connection } from './connection.js';
import type { Outgoing } from './outgoing.js';

/**
 * What the connections of one application share.
 *
 * @internal
 */
export interface ConnectionHost {
  /** Another number in each turn of the event loop. */
  readonly turn: number;
  /** Takes a new connection into the registry, until `remove()`. @returns its number */
  add(connection: Connection): number;
  remove(connection: Connection, reason: SseCloseReason): void;
  /** The id of a connection, made only when somebody asks. */
  idOf(number: number): string;
  /** Calls `outgoing.flush()` at the end of this turn. */
  flushLater(outgoing: Outgoing): void;
  /** Looks after bytes that the kernel did not take at once. */
  watch(outgoing: Outgoing): void;
  /** The headers were sent. */
  opened(connection: Connection): void;
  /** All that an opening says of itself is written: from here on the connection may be ended. */
  committed(connection: Connection): void;
  /** Ends a connection that throws while bytes are written to it, and tells of it. Never throws. */
  broken(outgoing: Outgoing, error: unknown): void;
  /** Counts events that an overflow policy dropped. */
  dropped(events: number): void;
}
