import { isSharedSource } from '../connection/shared-source.js';
import { toSource } from '../source/to-source.js';
import { SseJsonAnswer, SseResponse } from './sse-response.js';

/**
 * Releases what a handler returned and nobody will read: it may hold something already, as an open file does.
 *
 * @internal
 */
export function releaseSource(returned: unknown): void {
  const source = returned instanceof SseResponse ? returned.source : returned;
  if (source === null || source === undefined || source instanceof SseJsonAnswer || isSharedSource(source)) return;
  try {
    toSource(source).cancel();
  } catch {
    // It is no source: there is nothing to release, and nobody to tell.
  }
}
