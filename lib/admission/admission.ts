import type { SseCloseReason } from '../connection/close-reason.js';
import type { Connection } from '../connection/connection.js';

/**
 * How far a request is. `ARRIVED`: no guard has run, if the admission wants to be asked first. `GUARDED`: the guards have let it in,
 * its handler has not been called. `ANSWERED`: the handler has answered with a stream, whose source has not been opened.
 */
export const ARRIVED = 1;
export const GUARDED = 2;
export const ANSWERED = 3;

export type AdmissionStage = typeof ARRIVED | typeof GUARDED | typeof ANSWERED;

/** What a client gets that gets no stream. */
export interface RefusalAnswer {
  /** Events that say when to come back: any other answer than 200 with a stream makes an `EventSource` give up for good. */
  readonly text: string;
  /** For clients that read a status instead: nothing is sent but this and `Retry-After`. */
  readonly status?: { readonly code: number; readonly retryAfterSeconds: number } | undefined;
}

/**
 * Decides whether a request may open a stream. It is asked once at each stage.
 *
 * It must answer at once. Whoever counts connections gives a place back by `connection.closed`.
 *
 * @internal
 */
export interface Admission {
  /** Whether it is asked before guards have cost anything. Else it hears of an arrival when they have run. */
  readonly asksFirst: boolean;

  /** @returns why the request is refused, if it is: a graceful reason, by which its connection ends */
  ask(connection: Connection, stage: AdmissionStage): SseCloseReason | undefined;

  /** What a client gets that is refused, or ended before its headers were sent, for `reason`. */
  answerTo(reason: SseCloseReason): RefusalAnswer;
}
