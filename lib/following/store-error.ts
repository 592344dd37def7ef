import { SseError } from '../protocol/sse-error.js';

/** What is known of a command that failed. @internal */
export type CommandStatus = 'not sent' | 'refused' | 'stored' | 'unknown';

/**
 * The one error that a caller gets while the store is away, with what is known of the command.
 *
 * @param store its name, for people
 * @internal
 */
export function storeUnavailable(store: string, what: string, status: CommandStatus, cause?: unknown): SseError {
  const reason = cause instanceof Error ? ` (${cause.message})` : '';
  const message = `${store}: ${what}${reason}. ${meaning(store, status)}`;
  return new SseError('SSE_BACKPLANE_UNAVAILABLE', message, { cause });
}

/** @internal */
export function backplaneClosed(): SseError {
  return new SseError('SSE_CLOSED', 'The backplane is closed: nothing is published or read any more.');
}

function meaning(store: string, status: CommandStatus): string {
  switch (status) {
    case 'not sent':
      return 'It was not sent: nothing was stored.';
    case 'refused':
      return `${store} refused it: nothing was stored.`;
    case 'stored':
      return 'It was stored, and what belongs to it failed: the nodes may hear of it late.';
    case 'unknown':
      return 'It was sent and not answered: whether it was stored is not known. Publish with a key, and it can be tried again.';
  }
}
