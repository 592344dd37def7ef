import { randomBytes } from 'node:crypto';
import type { Http2Session } from 'node:http2';
import { closeReason, type SseCloseCode, type SseCloseReason } from './close-reason.js';
import type { ConnectionHost } from './connection-host.js';
import type { Connection } from './connection.js';
import type { Outgoing } from './outgoing.js';
import { WriteStallWatch } from './write-stall-watch.js';

/** As it is when this file is loaded: with fake timers in a user's test no turn would end. */
const { setImmediate } = globalThis;

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

  private readonly stalls = new WriteStallWatch((outgoing, reason) => this.endSafely(outgoing, reason));
  private readonly prefix = randomBytes(6).toString('hex');
  private unflushed: Outgoing[] | undefined;
  private emptied: (() => void) | undefined;
  private readonly sessions = new Set<Http2Session>();
  private retryText: (() => string) | undefined;
  private turns = 0;
  private isTurnKnown = false;

  /** @param report told of what one connection throws, which is no reason to stop the others */
  constructor(private readonly report: (error: unknown) => void) {}

  /** Asked only while something waits for a client: turns that nobody asks for are not counted. */
  get turn(): number {
    if (!this.isTurnKnown) {
      this.isTurnKnown = true;
      setImmediate(() => {
        this.isTurnKnown = false;
        this.turns++;
      });
    }
    return this.turns;
  }

  /** Whether the application is closing: new arrivals are sent away. */
  get isDraining(): boolean {
    return this.retryText !== undefined;
  }

  /** From now on new arrivals are told to come back, each by a text of its own. */
  drain(retryText: () => string): void {
    this.retryText = retryText;
  }

  /** What a client that cannot be served now is told. */
  comeBack(): string {
    return this.retryText?.() ?? ': try again\n\n';
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
    // A tick, not a macrotask: what a source yields in one go leaves together, and nothing waits for the next turn.
    if (this.unflushed) return void this.unflushed.push(outgoing);
    this.unflushed = [outgoing];
    process.nextTick(this.flush);
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

  /** Remembers an HTTP/2 session for as long as it lives. */
  keepSession(session: Http2Session): void {
    if (this.sessions.has(session)) return;
    this.sessions.add(session);
    session.once('close', () => this.sessions.delete(session));
  }

  /**
   * Says GOAWAY on every HTTP/2 session that ever carried a stream: a browser keeps its session for the next request, and
   * `app.close()` would wait for it. Streams that are still open end first (RFC 9113 §6.8).
   *
   * @param withinMs a client that has not read everything keeps its side open; a session that has ended is cut off then
   */
  closeSessions(withinMs: number): void {
    for (const session of this.sessions) {
      if (session.destroyed) continue;
      // Taken now: a session that has ended does not give its socket away any more.
      const { socket } = session;
      const cutOff = socket.destroySoon.bind(socket);
      this.attempt(() => session.close());
      const timer = setTimeout(() => session.destroyed && cutOff(), withinMs).unref();
      session.once('close', () => clearTimeout(timer));
    }
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

  /** Made once: a tick has often one connection only. */
  private readonly flush = (): void => {
    const unflushed = this.unflushed ?? [];
    this.unflushed = undefined;
    for (const outgoing of unflushed) {
      try {
        outgoing.flush();
      } catch (error) {
        this.broken(outgoing, error);
      }
    }
  };

  private tell(listener: ((connection: Connection) => void) | undefined, connection: Connection): void {
    try {
      listener?.(connection);
    } catch (error) {
      this.report(error);
    }
  }

  private endSafely(outgoing: Outgoing, reason: SseCloseReason): void {
    this.attempt(() => outgoing.end(reason));
  }

  private attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.report(error);
    }
  }
}
