import type { SseCloseReason } from './close-reason.js';
import type { Writer } from './writer.js';

/**
 * The request before its headers are committed. It can still be answered in another way.
 *
 * @internal
 */
export interface Opening {
  /**
   * Sends the headers, at once or when the platform has completed them. Called again only if it threw.
   *
   * @throws when nothing was sent, and the request can still be answered with an error; a promise rejects for that
   */
  commit(): Writer | Promise<Writer>;
  /** Nothing was sent, and nothing will be by this connection. */
  abandon(reason: SseCloseReason): void;
}
