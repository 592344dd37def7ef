import { randomBytes } from 'node:crypto';
import { closeReason, type SseCloseCode, type SseCloseReason } from './close-reason.js';
import type { Connection, ConnectionHost } from './connection.js';
import { Draining } from './draining.js';
import { EndOfTurn } from './end-of-turn.js';
import { Http2Sessions } from './http2-sessions.js';
import { LifetimeWatch } from './lifetime-watch.js';
import type { Observer } from './observer.js';
import { Observers } from './observers.js';
import type { Outgoing } from './outgoing.js';
import { TurnCounter } from './turn-counter.js';
import { WriteStallWatch } from './write-stall-watch.js';

/**
 * The connections of one application, from the arrival of the request to the last byte, and what they share.
 *
 * @internal
 */
export class ConnectionRegistry implements ConnectionHost {
  readonly all = new Set<Connection>();
  readonly closedBy = new Map<SseCloseCode, number>();
  openedTotal = 0;
  /** The number of the connection that arrived last. */
  last = 0;

  /** Told of each connection that is about to send its headers: it may end the connection, and nothing is sent then. */
  onOpening: ((connection: Connection) => void) | undefined;

  /** Told of each connection that sends its headers: it may end the connection. */
  onCommit: ((connection: Connection) => void) | undefined;

  readonly draining = new Draining();
  readonly sessions = new Http2Sessions((error) => this.observer.failed(error));

  private readonly turns = new TurnCounter();
  private readonly unflushed = new EndOfTurn<Outgoing>((outgoing, error) => this.broken(outgoing, error));
  private readonly lifetimes = new LifetimeWatch((error) => this.observer.failed(error));
  private readonly stalls = new WriteStallWatch((outgoing, reason) => this.endSafely(outgoing, reason));
  /** Events that were dropped for connections that are over. */
  private droppedBefore = 0;
  private readonly prefix = randomBytes(6).toString('hex');
  private emptied: (() => void) | undefined;

  /** @param observer also told of what one connection throws, which is no reason to stop the others */
  constructor(readonly observer: Observer = new Observers()) {}

  get turn(): number {
    return this.turns.current;
  }

  /** Events that overflow policies have dropped. */
  get droppedTotal(): number {
    let total = this.droppedBefore;
    for (const { eventsDropped } of this.all) total += eventsDropped;
    return total;
  }

  add(connection: Connection): number {
    this.all.add(connection);
    return ++this.last;
  }

  remove(connection: Connection, reason: SseCloseReason): void {
    const { code } = reason;
    this.all.delete(connection);
    this.stalls.delete(connection);
    this.lifetimes.delete(connection);
    this.closedBy.set(code, (this.closedBy.get(code) ?? 0) + 1);
    this.droppedBefore += connection.eventsDropped;
    if (connection.openedAt === undefined) this.observer.refused(connection.route, code);
    else this.observer.closed(connection, reason);
    if (this.all.size === 0) this.emptied?.();
  }

  idOf(number: number): string {
    return `${this.prefix}-${number}`;
  }

  flushLater(outgoing: Outgoing): void {
    this.unflushed.add(outgoing);
  }

  watch(outgoing: Outgoing): void {
    this.stalls.add(outgoing);
  }

  watchLifetime(connection: Connection): void {
    this.lifetimes.add(connection);
  }

  opened(connection: Connection): void {
    this.openedTotal++;
    this.lifetimes.add(connection);
    this.observer.opened(connection);
  }

  opening(connection: Connection): void {
    this.tell(this.onOpening, connection);
  }

  committed(connection: Connection): void {
    this.tell(this.onCommit, connection);
  }

  broken(outgoing: Outgoing, error: unknown): void {
    this.observer.failed(error);
    this.endSafely(outgoing, closeReason('client_left', 'writing to the client failed', error));
  }

  /** Does `action` to each connection that there is now. What one throws is reported, and the others have their turn. */
  each(action: (connection: Connection) => void): void {
    for (const connection of [...this.all]) this.tell(action, connection);
  }

  /** Resolves when no connection is left, or after `withinMs`. */
  whenEmpty(withinMs: number): Promise<void> {
    if (this.all.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.emptied = undefined;
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.emptied = done;
    });
  }

  private endSafely(outgoing: Outgoing, reason: SseCloseReason): void {
    try {
      outgoing.end(reason);
    } catch (error) {
      this.observer.failed(error);
    }
  }

  private tell(listener: ((connection: Connection) => void) | undefined, connection: Connection): void {
    try {
      listener?.(connection);
    } catch (error) {
      this.observer.failed(error);
    }
  }
}
