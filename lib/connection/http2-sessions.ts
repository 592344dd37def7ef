import type { Http2Session } from 'node:http2';

/**
 * The HTTP/2 sessions that have carried a stream. A browser keeps its session for the next request, and `app.close()` would
 * wait for it.
 *
 * @internal
 */
export class Http2Sessions {
  private readonly sessions = new Set<Http2Session>();

  /** @param report told of what closing a session throws */
  constructor(private readonly report: (error: unknown) => void) {}

  get size(): number {
    return this.sessions.size;
  }

  /** Remembers a session for as long as it lives. */
  keep(session: Http2Session): void {
    if (this.sessions.has(session)) return;
    this.sessions.add(session);
    session.once('close', () => this.sessions.delete(session));
  }

  /**
   * Says GOAWAY on every session. Streams that are still open end first (RFC 9113 §6.8).
   *
   * @param withinMs a client that has not read everything keeps its side open; a session that has ended is cut off then
   */
  close(withinMs: number): void {
    for (const session of this.sessions) {
      if (session.destroyed) continue;
      // Taken now: a session that has ended does not give its socket away any more.
      const { socket } = session;
      const cutOff = socket.destroySoon.bind(socket);
      try {
        session.close();
      } catch (error) {
        this.report(error);
      }
      const timer = setTimeout(() => session.destroyed && cutOff(), withinMs).unref();
      session.once('close', () => clearTimeout(timer));
    }
  }
}
