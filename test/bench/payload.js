/** Sequence numbers start here, so that all of them have as many digits, and every event as many bytes. */
export const FIRST = 1_000_000;

/** Makes the frame of `encode(eventOf(…))` 120 bytes long. */
const TEXT = 'Tesla Inc. 241.37 USD, up 1.92 % on the day; volume 1.04 M.';

/** What follows the sequence number in the data of `eventOf()`, and of `tokenOf()`. */
export const EVENT_SUFFIX = `,"text":"${TEXT}"}`;
export const TOKEN_SUFFIX = '}';

/** How the data of each event starts, as clients find it: then come the channel, the number and the suffix. */
export const MARK = '{"c":';

/** The event that every subject sends. Its channel and number let clients check that nothing is lost or out of order. */
export function eventOf(channel, n) {
  return { id: String(n), type: 'tick', data: { c: channel, n, text: TEXT } };
}

/** A small one, for the generator: its text is its data. */
export function tokenOf(n) {
  return `{"c":0,"n":${n}}`;
}

/** The data of an event, as clients expect it. */
export function dataOf(channel, n, suffix) {
  return `${MARK}${channel},"n":${n}${suffix}`;
}

/** What most would write: nothing is checked, and only data without line breaks survives. */
export function encode({ id, type, data }) {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The response headers of all bare subjects, those of this library. */
export const HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'private, no-cache, no-store, no-transform',
  'X-Accel-Buffering': 'no',
  Connection: 'keep-alive',
};
