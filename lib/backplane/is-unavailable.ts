import { SseError } from '../protocol/sse-error.js';

/** Whether an error says that the backplane is away. @internal */
export function isUnavailable(error: unknown): boolean {
  return error instanceof SseError && error.code === 'SSE_BACKPLANE_UNAVAILABLE';
}
