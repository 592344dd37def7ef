import { closeReason, type SseCloseReason } from './close-reason.js';
import { LookTimer } from './look-timer.js';
import type { Outgoing } from './outgoing.js';

interface Progress {
  /** The connection's `progress` when it last grew, and when that was seen. */
  made: number;
  since: number;
}

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
  private readonly timer = new LookTimer(() => this.look());

  /** @param end ends a connection, and never throws */
  constructor(private readonly end: (connection: Outgoing, reason: SseCloseReason) => void) {}

  add(connection: Outgoing): void {
    const { writeTimeoutMs } = connection.options;
    if (writeTimeoutMs === false) return;
    connection.watched = true;
    this.watched.set(connection, { made: connection.progress, since: performance.now() });
    this.timer.atLeastEvery(writeTimeoutMs / LOOKS_PER_TIMEOUT);
  }

  delete(connection: Outgoing): void {
    connection.watched = false;
    this.watched.delete(connection);
    if (this.watched.size === 0) this.timer.stop();
  }

  private look(): void {
    const now = performance.now();
    for (const [connection, progress] of this.watched) {
      const { progress: made } = connection;
      const { writeTimeoutMs } = connection.options;
      if (connection.pendingBytes === 0 && connection.isWritable && connection.state === 'open') {
        this.delete(connection);
      } else if (made > progress.made) {
        progress.made = made;
        progress.since = now;
      } else if (writeTimeoutMs !== false && now - progress.since >= writeTimeoutMs) {
        this.end(connection, closeReason('write_timeout'));
      }
    }
  }
}
