import { storeUnavailable, type CommandStatus } from '../following/store-error.js';
import { SseError } from '../protocol/sse-error.js';

/** The one error that a caller gets while Redis is away, with what is known of the command. @internal */
export function redisUnavailable(what: string, status: CommandStatus, cause?: unknown): SseError {
  return storeUnavailable('Redis', what, status, cause);
}

/**
 * Whether the error is an answer of Redis that begins with this word: `WRONGTYPE` when something is stored under a key that is
 * not ours, `FENCED` when another node produces.
 *
 * @internal
 */
export function isAnswer(error: unknown, word: string): boolean {
  const cause = error instanceof SseError ? error.cause : undefined;
  return cause instanceof Error && cause.message.startsWith(word);
}
