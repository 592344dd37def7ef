import { SseError } from '../protocol/sse-error.js';
import { SseJsonAnswer, SseResponse } from './sse-response.js';

/**
 * What a client gets for what its handler returned. `own`: the handler has answered by itself, with `@Res()`. `refused`: a
 * stream that may not be opened now.
 */
export type Answer =
  | { readonly kind: 'stream'; readonly source: unknown }
  | { readonly kind: 'json'; readonly json: SseJsonAnswer }
  | { readonly kind: 'nothing' | 'own' | 'refused' };

/**
 * What a handler's return value asks for.
 *
 * @param isStarted whether events were sent before the handler returned
 * @throws {SseError} for what cannot be answered
 * @internal
 */
export function answerOf(value: unknown, isStarted: boolean): Answer {
  if (value === undefined) throw forgottenReturn();
  if (value === null) return { kind: 'nothing' };
  if (value instanceof SseJsonAnswer) {
    if (isStarted) throw tooLateForJson();
    return { kind: 'json', json: value };
  }
  if (!(value instanceof SseResponse)) return { kind: 'stream', source: value };
  return value.source === null ? { kind: 'nothing' } : { kind: 'stream', source: value.source };
}

function forgottenReturn(): SseError {
  return new SseError(
    'SSE_NO_RETURN',
    'An @Sse() handler returned undefined. Return a source (an Observable, an iterable, a subscription), or null to answer 204 No Content.',
  );
}

function tooLateForJson(): SseError {
  return new SseError(
    'SSE_ALREADY_STARTED',
    'An @Sse() handler returned SseResponse.json() after events had been sent: by SseConnection.send(), or by an interceptor while the handler was pending. Decide before the first event.',
  );
}
