import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Connection } from '../connection/connection.js';
import { SseError } from '../protocol/sse-error.js';
import { requestOf, type MaybeTaken } from './request-state.js';

/**
 * Injects the `SseConnection` of this request. You can set its `context` at once. `send()` sends the headers.
 *
 * @throws {SseError} `SSE_NOT_CONFIGURED` in a method that is not an `@Sse()` handler
 * @publicApi
 */
export const SseClient = createParamDecorator((_: unknown, context: ExecutionContext) => currentConnection(context));

/**
 * The connection of the request that `context` is about.
 *
 * @returns a promise, which Nest waits for, where the request waits behind another one on its socket
 */
export function currentConnection(context: ExecutionContext): Connection | Promise<Connection> {
  const request = requestOf(context.switchToHttp().getResponse(), context.getHandler());
  return request instanceof Promise ? request.then(connectionOf) : connectionOf(request);
}

function connectionOf(request: MaybeTaken): Connection {
  if (request) return request.connection;
  throw new SseError(
    'SSE_NOT_CONFIGURED',
    'There is no stream for @SseClient() and @SseSignal(): the method has no @Sse(), has @Redirect(), or was answered for already.',
  );
}
