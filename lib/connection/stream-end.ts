import { encodeInit } from '../protocol/encoder.js';
import { errorEventOf } from '../protocol/client-events.js';
import { closeReason } from './close-reason.js';
import type { Connection } from './connection.js';

/** What ends a stream. */
export interface StreamEnd {
  /** Data of a last event, after the source has completed. */
  readonly done: string | undefined;
  /** Told of a failure after the headers were sent, and of one that nobody waits for any more. */
  readonly report: (error: unknown) => void;
}

/**
 * Ends a connection whose source has nothing more to say.
 *
 * @internal
 */
export function endCompleted(connection: Connection, { done }: StreamEnd): void {
  connection.end(closeReason('source_completed'), done === undefined ? undefined : encodeInit({ data: done }));
}

/**
 * Ends a connection whose source, or whose handler, has failed.
 *
 * @internal
 */
export function endWithFailure(connection: Connection, thrown: unknown, end: StreamEnd): void {
  // A source that was told to end, and ended by throwing what it was told, has not failed.
  if (connection.isWarned) return connection.end(closeReason('source_completed'));
  const error = thrown ?? new Error(`the source failed with ${thrown}`);
  const reason = closeReason('source_failed', undefined, error);
  // Before the headers are out, the exception filters answer, with the status that the error asks for.
  if (connection.state !== 'open' || connection.isAnswerable) return connection.end(reason);
  end.report(error);
  const { errorEvent, serialize } = connection.options;
  const text = errorEventOf(errorEvent, error, connection.isText, (event) => encodeInit(event, serialize), end.report);
  connection.end(reason, text);
}
