import type { SsePublishSettings } from '../backplane/backplane.js';

/** How long the entries of a channel are kept, in milliseconds; 0 for ever. What is kept whole does not age one by one: the stream expires. @internal */
export function entryAgeMs({ maxAgeMs, isWhole }: SsePublishSettings['history']): number {
  return maxAgeMs === false || isWhole ? 0 : maxAgeMs;
}

/** How long a stream lives without a publish, in milliseconds; 0 for ever. @internal */
export function streamTtlMs({ maxAgeMs }: SsePublishSettings['history'], idleTtlMs: number): number {
  return maxAgeMs === false ? 0 : Math.max(idleTtlMs, maxAgeMs);
}
