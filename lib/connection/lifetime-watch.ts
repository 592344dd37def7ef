import { closeReason } from './close-reason.js';
import type { Connection } from './connection.js';
import { LookTimer } from './look-timer.js';

/** A lifetime is up to a fifth shorter than `maxLifetimeMs`, so that clients that came together do not come back together. */
const JITTER = 0.2;

/** How often a lifetime is looked at, if once a second is too rare. */
const LOOKS_PER_LIFETIME = 10;

/**
 * Ends connections whose lifetime is over, and those whose right to read has ended although nothing is sent to them. One timer for
 * all, and only while some connection has an end.
 *
 * Whoever writes looks at the deadline by himself: what is written after it must not leave, and this timer may be late.
 *
 * @internal
 */
export class LifetimeWatch {
  /** When the lifetime of each is over, on the monotonic clock; `Infinity` for one that has a deadline alone. */
  private readonly watched = new Map<Connection, number>();
  private readonly timer = new LookTimer(() => this.look());

  /** @param failed told of what ending a connection throws */
  constructor(private readonly failed: (error: unknown) => void) {}

  get size(): number {
    return this.watched.size;
  }

  /** Watches a connection that has a deadline, or is open and has a lifetime. No effect for others. */
  add(connection: Connection): void {
    const { maxLifetimeMs } = connection.options;
    const isLimited = maxLifetimeMs !== false && connection.state === 'open';
    if (!isLimited && connection.deadline === undefined) return;
    const lifetime = isLimited ? maxLifetimeMs * (1 - JITTER * Math.random()) : Infinity;
    this.watched.set(connection, performance.now() + lifetime);
    this.timer.atLeastEvery(lifetime / LOOKS_PER_LIFETIME);
  }

  delete(connection: Connection): void {
    if (this.watched.delete(connection) && this.watched.size === 0) this.timer.stop();
  }

  private look(): void {
    const now = performance.now();
    for (const [connection, endsAt] of this.watched) {
      try {
        if (connection.deadline?.isOver) connection.expire();
        else if (now >= endsAt) connection.end(closeReason('lifetime_over'));
      } catch (error) {
        this.failed(error);
      }
    }
  }
}
