import { closeReason, type SseCloseReason } from './close-reason.js';
import type { Outgoing } from './outgoing.js';

interface Progress {
  /** The connection's `progress` when it last grew, and when that was seen. */
  made: number;
  since: number;
}

/** How often pending bytes are looked at, in milliseconds; a quarter of the shortest timeout if that is less. */
const LOOK_EVERY_MS = 1_000;

/**
 * Ends connections whose peer takes no bytes for `writeTimeoutMs`: a peer that vanished without a FIN accepts writes
 * until the buffers are full, and then keeps them. One timer, and only while some connection has bytes pending.
 *
 * @internal
 */
export class WriteStallWatch {
  private readonly watched = new Map<Outgoing, Progress>();
  private timer: NodeJS.Timeout | undefined;
  private everyMs = LOOK_EVERY_MS;

  /** @param end ends a connection, and never throws */
  constructor(private readonly end: (connection: Outgoing, reason: SseCloseReason) => void) {}

  add(connection: Outgoing): void {
    const { writeTimeoutMs } = connection.options;
    if (writeTimeoutMs === false) return;
    connection.watched = true;
    this.watched.set(connection, { made: connection.progress, since: performance.now() });
    const everyMs = Math.min(LOOK_EVERY_MS, Math.ceil(writeTimeoutMs / 4));
    if (this.timer && everyMs >= this.everyMs) return;
    clearInterval(this.timer);
    this.everyMs = everyMs;
    // The sockets keep the process alive, not the watch.
    this.timer = setInterval(() => this.look(), everyMs).unref();
  }

  delete(connection: Outgoing): void {
    connection.watched = false;
    this.watched.delete(connection);
    if (this.watched.size === 0) this.rest();
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

  private rest(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.everyMs = LOOK_EVERY_MS;
  }
}
