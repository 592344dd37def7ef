import type { SseEventInit } from './sse-event.js';

/**
 * Makes the event that tells a client of a failure. `null`: none, the stream just ends.
 *
 * `isText` is whether the stream has sent strings and nothing else so far: then its client does not expect JSON.
 *
 * @publicApi
 */
export type SseErrorEventFactory = (error: unknown, isText: boolean) => SseEventInit | null;

/**
 * The event of a failure, encoded. The stream ends all the same where it cannot be made.
 *
 * @param encode - may throw, as the factory may: that is reported.
 * @returns `undefined` when there is none.
 * @internal
 */
export function errorEventOf<Encoded>(
  factory: SseErrorEventFactory,
  error: unknown,
  isText: boolean,
  encode: (event: SseEventInit) => Encoded,
  report: (error: unknown) => void,
): Encoded | undefined {
  try {
    const event = factory(error, isText);
    return event === null ? undefined : encode(event);
  } catch (broken) {
    report(broken);
    return undefined;
  }
}
