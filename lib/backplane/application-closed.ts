import { SseError } from '../protocol/sse-error.js';

/**
 * What whoever publishes, produces or reads is told when the application closes.
 *
 * @internal
 */
export function applicationClosed(): SseError {
  return new SseError(
    'SSE_CLOSED',
    'The application is closing, or has closed: nothing more is published, produced or read.',
  );
}
