import { SseError } from '../protocol/sse-error.js';

/** What is known of a command that failed. */
export type Outcome = 'not sent' | 'refused' | 'stored' | 'unknown';

const CONSEQUENCE: Readonly<Record<Outcome, string>> = {
  'not sent': 'It was not sent: nothing was stored.',
  refused: 'Redis refused it: nothing was stored.',
  stored: 'It was stored, and what belongs to it failed: the nodes may hear of it late.',
  unknown:
    'It was sent and not answered: whether it was stored is not known. Publish with a key, and it can be tried again.',
};

/**
 * The one error that a caller gets while Redis is away, with what is known of the outcome.
 *
 * @internal
 */
export function unavailable(what: string, outcome: Outcome, cause?: unknown): SseError {
  const reason = cause instanceof Error ? ` (${cause.message})` : '';
  return new SseError('SSE_BACKPLANE_UNAVAILABLE', `Redis: ${what}${reason}. ${CONSEQUENCE[outcome]}`, { cause });
}

/** Whether something is stored under a key that is not ours. @internal */
export function isUnreadable(error: unknown): boolean {
  const cause = error instanceof SseError ? error.cause : undefined;
  return cause instanceof Error && cause.message.startsWith('WRONGTYPE');
}

/** @internal */
export function closed(): SseError {
  return new SseError('SSE_CLOSED', 'The backplane is closed: nothing is published or read any more.');
}
