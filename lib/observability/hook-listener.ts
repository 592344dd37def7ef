import type { SseCloseReason } from '../connection/close-reason.js';
import type { Observer } from '../connection/observer.js';
import type { SseConnection } from '../connection/sse-connection.js';
import { functionOption, type OptionNames } from '../protocol/check-option.js';
import { isThenable } from '../source/thenable.js';

/** What the application wants to be told of all its streams. */
export interface SseStreamHooks {
  /** Called when the headers of a stream were sent. What it throws, or rejects with, is logged. */
  onOpen?: (connection: SseConnection) => unknown;
  /** Called once when a stream that was opened is over, with the reason. What it throws, or rejects with, is logged. */
  onClose?: (connection: SseConnection, reason: SseCloseReason) => unknown;
}

/** @internal */
export const HOOK_NAMES: OptionNames<SseStreamHooks> = { onOpen: true, onClose: true };

/** @throws {SseError} `SSE_INVALID_OPTION` @internal */
export function resolveHooks({ onOpen, onClose }: SseStreamHooks): SseStreamHooks {
  if (onOpen !== undefined) functionOption('onOpen', onOpen);
  if (onClose !== undefined) functionOption('onClose', onClose);
  return { onOpen, onClose };
}

/**
 * Calls the hooks of the application.
 *
 * @internal
 */
export function hookListener({ onOpen, onClose }: SseStreamHooks, failed: Observer['failed']): Partial<Observer> {
  const follow = (returned: unknown) => {
    if (isThenable(returned)) Promise.resolve(returned).catch(failed);
  };
  return {
    opened: onOpen && ((connection) => follow(onOpen(connection))),
    closed: onClose && ((connection, reason) => follow(onClose(connection, reason))),
  };
}
