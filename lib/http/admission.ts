import { closeReason, type SseCloseReason } from '../connection/close-reason.js';
import type { Connection } from '../connection/connection.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';

/**
 * Decides whether a request may open a stream. It is asked twice, and each time may refuse.
 *
 * What it returns is the reason by which the connection ends, and must be a graceful one. The client is then answered 200
 * with an event stream that says when to come back, and ends: any other answer makes an `EventSource` give up for good.
 *
 * It must not throw, and must answer at once. Whoever counts connections gives a place back by `connection.closed`.
 *
 * @internal
 */
export interface Admission {
  /** The request has arrived; its handler has not been called. @returns why it is refused, if it is */
  onArrival(connection: Connection): SseCloseReason | undefined;

  /**
   * The handler has answered with a stream, whose source has not been opened. The connection has its tags by now.
   *
   * @returns why it is refused, if it is: the source is released then, unopened
   */
  onAnswer(connection: Connection): SseCloseReason | undefined;

  /** What a client is told that gets no stream for `reason`: the body of its answer, with a `retry:` that says when to come back. */
  comeBack(reason: SseCloseReason): string;
}

/** Everybody may open a stream. */
export const ADMIT_ALL: Admission = Object.freeze({
  onArrival: () => undefined,
  onAnswer: () => undefined,
  comeBack: () => ': try again\n\n',
});

/** Nobody may open a stream any more once the server closes. */
export class DrainingAdmission implements Admission {
  /** @param others who decides as long as the server is open */
  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly others: Admission = ADMIT_ALL,
  ) {}

  onArrival(connection: Connection): SseCloseReason | undefined {
    return this.registry.draining.isDraining ? closeReason('server_closing') : this.others.onArrival(connection);
  }

  /** Who arrived before may still answer: the shutdown ends those that take too long. */
  onAnswer(connection: Connection): SseCloseReason | undefined {
    return this.others.onAnswer(connection);
  }

  comeBack(reason: SseCloseReason): string {
    const { draining } = this.registry;
    return draining.isDraining ? draining.comeBack() : this.others.comeBack(reason);
  }
}
