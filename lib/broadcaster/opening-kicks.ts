import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { Connection } from '../connection/connection.js';

/** One kick, as long as a connection is opening that had arrived before it. */
interface OpeningKick {
  /** The number of the youngest connection that it can mean. */
  readonly upTo: number;
  readonly applies: (connection: Connection) => boolean;
  readonly end: (connection: Connection) => void;
}

/** Each costs a call for every connection that opens meanwhile. */
const MAX_KICKS = 1_000;

/** How often kicks that nobody can meet any more are forgotten at most, in milliseconds: it walks over all connections. */
const FORGET_EVERY_MS = 1_000;

/**
 * Remembers kicks for connections that were opening when they came: an async handler sets its tags later, and headers
 * may wait for the first event.
 *
 * @internal
 */
export class OpeningKicks {
  private kicks: OpeningKick[] = [];
  private forgottenAt = 0;

  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly report: (error: unknown) => void,
    private readonly max = MAX_KICKS,
  ) {
    registry.onCommit = (connection) => this.committed(connection);
  }

  /** How many are remembered. */
  get size(): number {
    return this.kicks.length;
  }

  add(applies: OpeningKick['applies'], end: OpeningKick['end']): void {
    const oldest = this.oldestOpening();
    if (oldest === undefined) {
      this.kicks = [];
      return;
    }
    this.kicks = this.kicks.filter(({ upTo }) => upTo >= oldest);
    this.kicks.push({ upTo: this.registry.last, applies, end });
    if (this.kicks.length > this.max) this.giveUp();
  }

  private committed(connection: Connection): void {
    if (this.kicks.length === 0) return;
    try {
      const kick = this.kicks.find(({ upTo, applies }) => connection.number <= upTo && applies(connection));
      kick?.end(connection);
      // The client has been sent nothing. What waits for it may have been published after the kick.
      if (kick) connection.endNow();
    } catch (error) {
      // The predicate of the application has thrown. This request did not call it, so the error is only reported.
      this.report(error);
    }
    this.forget(performance.now());
  }

  /** Ends all connections that the oldest kick could mean, because that kick is forgotten now. */
  private giveUp(): void {
    const [kick] = this.kicks.splice(0, 1);
    if (!kick) return;
    for (const connection of [...this.registry.all]) {
      if (connection.number > kick.upTo) return;
      if (connection.state === 'opening') kick.end(connection);
    }
  }

  private forget(now: number): void {
    if (now - this.forgottenAt < FORGET_EVERY_MS) return;
    this.forgottenAt = now;
    const oldest = this.oldestOpening() ?? Infinity;
    this.kicks = this.kicks.filter(({ upTo }) => upTo >= oldest);
  }

  /** The registry is in the order of arrival. */
  private oldestOpening(): number | undefined {
    for (const { state, number } of this.registry.all) if (state === 'opening') return number;
    return undefined;
  }
}
