/**
 * How much of a channel is kept for clients that come back and for slow ones. Whichever bound is reached first counts;
 * 0 in any of them keeps nothing, and live delivery works all the same.
 *
 * @publicApi
 */
export interface SseHistoryOptions {
  /** @default 1_000 */
  readonly maxEvents: number;
  /** Bytes of encoded events. @default 16_777_216 */
  readonly maxBytes: number;
  /** Age in milliseconds. `false`: events do not age, and the channel stays for ever. @default 300_000 */
  readonly maxAgeMs: number | false;
}
