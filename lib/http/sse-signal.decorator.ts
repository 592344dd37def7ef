import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { currentConnection } from './sse-client.decorator.js';

/**
 * An `AbortSignal` that is aborted when the stream ends, or soon must, with the `SseCloseReason` as its `reason`: before
 * the source is released, so that `fetch(url, { signal })` in it ends first.
 *
 * When the server closes, whoever took the signal has `shutdown.gracePeriodMs` to yield a farewell and return.
 *
 * @throws {SseError} `SSE_NOT_CONFIGURED` in a method that is not an `@Sse()` handler
 * @publicApi
 */
export const SseSignal = createParamDecorator(
  (_: unknown, context: ExecutionContext): AbortSignal => currentConnection(context).signal,
);
