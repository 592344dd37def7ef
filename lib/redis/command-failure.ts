import { redisUnavailable } from './redis-error.js';

/** Error answers of a server that is not the one to talk to, or not yet: the next connection may find another. */
const WRONG_SERVER = /^(READONLY|MASTERDOWN)\b/;

/**
 * What an error of node-redis says of a command.
 *
 * @internal
 */
export interface CommandFailure {
  /** What the caller gets. */
  readonly error: Error;
  /** Whether the server has answered: the connection lives. */
  readonly isAnswer: boolean;
  readonly isWrongServer: boolean;
  readonly isUnsent: boolean;
  /** Whether its own time is over. */
  readonly isLate: boolean;
}

/** @param trouble why there is no connection, as far as is known @internal */
export function commandFailure(error: unknown, trouble: unknown): CommandFailure {
  const name = error instanceof Error ? error.constructor.name : '';
  const message = error instanceof Error ? error.message : String(error);
  if (/Reply$|ErrorReply/.test(name) || /^[A-Z]{2,}[A-Z]* /.test(message)) {
    return {
      error: refusal(error),
      isAnswer: true,
      isWrongServer: WRONG_SERVER.test(message),
      isUnsent: false,
      isLate: false,
    };
  }
  const isLate = name === 'TimeoutError';
  const isUnsent = isLate || name === 'ClientOfflineError' || name === 'ClientClosedError';
  const cause = isLate ? (trouble ?? error) : error;
  return {
    error: redisUnavailable('the connection failed', isUnsent ? 'not sent' : 'unknown', cause),
    isAnswer: false,
    isWrongServer: false,
    isUnsent,
    isLate,
  };
}

/** An error that Redis has answered with. @internal */
export function refusal(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  // Every error of a script comes before it has stored something, except this one.
  return redisUnavailable('an error answer', message.startsWith('STORED ') ? 'stored' : 'refused', error);
}
