/**
 * Why events that a reader asked for are not there: a closed set.
 *
 * | reason | what happened |
 * |---|---|
 * | `trimmed` | the position is of this channel, but what follows it was dropped by the history's bounds |
 * | `foreign` | the position is of another life of the channel: it expired, was started anew, or its store was replaced |
 * | `future` | the position is ahead of everything that is stored: the store went back in time |
 * | `malformed` | no backplane mints such a position |
 * | `unknown` | it looks like a position, and nothing more is known of it |
 * | `slow_client` | the client was so slow that the history moved past it |
 * | `store_lost` | the store lost what it had promised to keep |
 *
 * @publicApi
 */
export type SseGapReason = 'trimmed' | 'foreign' | 'future' | 'malformed' | 'unknown' | 'slow_client' | 'store_lost';
