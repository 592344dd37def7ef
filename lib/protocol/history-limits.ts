/**
 * What one entry costs beside its bytes, counted in every bound on bytes: its position, its frame, and its place in the
 * log's arrays and map. Measured in heap with Node 20: 219 bytes for an event of one byte.
 *
 * @internal
 */
export const ENTRY_BYTES = 220;

/**
 * How much of a channel is kept for clients that come back and for slow ones. Whichever bound is reached first counts;
 * 0 in any of them keeps nothing, and live delivery works all the same.
 *
 * @publicApi
 */
export interface SseHistoryOptions {
  /** @default 1_000 */
  readonly maxEvents: number;
  /** Bytes of encoded events, and {@link ENTRY_BYTES} for each. @default 16_777_216 */
  readonly maxBytes: number;
  /** Age in milliseconds. `false`: events do not age, and the channel stays for ever. @default 300_000 */
  readonly maxAgeMs: number | false;
}
