import { closeReason, type SseCloseReason } from './close-reason.js';
import { LookTimer } from './look-timer.js';
import type { Outgoing } from './outgoing.js';

interface Progress {
  /** The connection's `progress` when it last grew, and for how long looks have not seen it grow, in milliseconds. */
  made: number;
  stalledMs: number;
}

/** No look has seen the connection yet. It may have been added a moment ago. */
const NOT_LOOKED_AT = -1;

/** How often pending bytes are looked at within a timeout, if once a second is too rare. */
const LOOKS_PER_TIMEOUT = 4;

/**
 * Ends connections whose peer takes no bytes for `writeTimeoutMs`: a peer that vanished without a FIN accepts writes
 * until the buffers are full, and then keeps them. One timer, and only while some connection has bytes pending.
 *
 * @internal
 */
export class WriteStallWatch {
  private readonly watched = new Map<Outgoing, Progress>();
  private readonly timer = new LookTimer((elapsedMs) => this.look(elapsedMs));

  /** @param end ends a connection, and never throws */
  constructor(private readonly end: (connection: Outgoing, reason: SseCloseReason) => void) {}

  add(connection: Outgoing): void {
    const { writeTimeoutMs } = connection.options;
    if (writeTimeoutMs === false) return;
    connection.watched = true;
    this.watched.set(connection, { made: connection.progress, stalledMs: NOT_LOOKED_AT });
    this.timer.atLeastEvery(writeTimeoutMs / LOOKS_PER_TIMEOUT);
  }

  delete(connection: Outgoing): void {
    connection.watched = false;
    this.watched.delete(connection);
    if (this.watched.size === 0) this.timer.stop();
  }

  private look(elapsedMs: number): void {
    for (const [connection, progress] of this.watched) {
      const { progress: made } = connection;
      const { writeTimeoutMs } = connection.options;
      if (connection.pendingBytes === 0 && connection.isWritable && connection.state === 'open') {
        this.delete(connection);
      } else if (made > progress.made) {
        progress.made = made;
        progress.stalledMs = 0;
      } else {
        progress.stalledMs = progress.stalledMs === NOT_LOOKED_AT ? 0 : progress.stalledMs + elapsedMs;
        if (writeTimeoutMs !== false && progress.stalledMs >= writeTimeoutMs)
          this.end(connection, closeReason('write_timeout'));
      }
    }
  }
}
