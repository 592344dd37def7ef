import { randomBytes } from 'node:crypto';
import { closeReason, type SseCloseCode, type SseCloseReason } from './close-reason.js';
import type { Connection, ConnectionHost } from './connection.js';
import { Draining } from './draining.js';
import { EndOfTurn } from './end-of-turn.js';
import { Http2Sessions } from './http2-sessions.js';
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
  droppedTotal = 0;

  /** Told of each connection whose headers were sent. */
  onOpen: ((connection: Connection) => void) | undefined;
  /** Told of each of them after that: it may end the connection. */
  onCommit: ((connection: Connection) => void) | undefined;

  readonly draining = new Draining();
  readonly sessions = new Http2Sessions((error) => this.report(error));

  private readonly turns = new TurnCounter();
  private readonly unflushed = new EndOfTurn<Outgoing>((outgoing, error) => this.broken(outgoing, error));
  private readonly stalls = new WriteStallWatch((outgoing, reason) => this.endSafely(outgoing, reason));
  private readonly prefix = randomBytes(6).toString('hex');
  private emptied: (() => void) | undefined;

  /** @param report told of what one connection throws, which is no reason to stop the others */
  constructor(private readonly report: (error: unknown) => void) {}

  get turn(): number {
    return this.turns.current;
  }

  add(connection: Connection): number {
    this.all.add(connection);
    return ++this.last;
  }

  remove(connection: Connection, { code }: SseCloseReason): void {
    this.all.delete(connection);
    this.stalls.delete(connection);
    this.closedBy.set(code, (this.closedBy.get(code) ?? 0) + 1);
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

  opened(connection: Connection): void {
    this.openedTotal++;
    this.tell(this.onOpen, connection);
  }

  committed(connection: Connection): void {
    this.tell(this.onCommit, connection);
  }

  broken(outgoing: Outgoing, error: unknown): void {
    this.report(error);
    this.endSafely(outgoing, closeReason('client_left', 'writing to the client failed', error));
  }

  /** Does `action` to each connection that there is now. What one throws is reported, and the others have their turn. */
  each(action: (connection: Connection) => void): void {
    for (const connection of [...this.all]) this.tell(action, connection);
  }

  dropped(events: number): void {
    this.droppedTotal += events;
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
      this.report(error);
    }
  }

  private tell(listener: ((connection: Connection) => void) | undefined, connection: Connection): void {
    try {
      listener?.(connection);
    } catch (error) {
      this.report(error);
    }
  }
}
