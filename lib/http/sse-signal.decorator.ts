import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { currentConnection } from './sse-client.decorator.js';

/**
 * Injects an `AbortSignal` that is aborted when the stream ends, or must soon end. Its `reason` is the `SseCloseReason`. It is
 * aborted before the source is released, so `fetch(url, { signal })` in the source ends first.
 *
 * When the server closes, a handler that took the signal has `shutdown.gracePeriodMs` to send a last event and return.
 *
 * @throws {SseError} `SSE_NOT_CONFIGURED` in a method that is not an `@Sse()` handler
 * @publicApi
 */
export const SseSignal = createParamDecorator(
  (_: unknown, context: ExecutionContext): AbortSignal | Promise<AbortSignal> => {
    const connection = currentConnection(context);
    return connection instanceof Promise ? connection.then(({ signal }) => signal) : connection.signal;
  },
);
