import { show } from '../protocol/show.js';
import { SseError } from '../protocol/sse-error.js';

const MAX_NAME_BYTES = 256;

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * A channel's name: free text without control characters, of 1 to 256 bytes.
 *
 * @throws {SseError} `SSE_INVALID_CHANNEL`
 * @internal
 */
export function checkChannelName(name: unknown): string {
  if (typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= MAX_NAME_BYTES) {
    if (!CONTROL.test(name) && name.isWellFormed()) return name;
  }
  throw new SseError(
    'SSE_INVALID_CHANNEL',
    `A channel's name is ${show(name)}. Use a string of 1 to ${MAX_NAME_BYTES} bytes without control characters.`,
    { value: name },
  );
}
