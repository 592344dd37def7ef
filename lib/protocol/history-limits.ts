/**
 * What one entry costs beside its bytes, counted in every bound on bytes: its position, its frame, and its place in the
 * log's arrays and map. Measured in heap with Node 20: 219 bytes for an event of one byte.
 *
 * @internal
 */
export const ENTRY_BYTES = 220;

/**
 * How much of a channel is kept, for clients that come back and for slow ones. The bound that is reached first counts. With 0 in
 * one of them nothing is kept, and live delivery works all the same.
 *
 * @publicApi
 */
export interface SseHistoryOptions {
  /** @default 1_000 */
  readonly maxEvents: number;
  /** Bytes of encoded events, and {@link ENTRY_BYTES} for each. @default 16_777_216 */
  readonly maxBytes: number;
  /** The age of an event in milliseconds. `false`: events do not age, and the channel stays for ever. @default 300_000 */
  readonly maxAgeMs: number | false;
}
