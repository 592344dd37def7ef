import { show } from '../protocol/show.js';
import { SseError } from '../protocol/sse-error.js';

/**
 * The keys of a channel: all with its name as hash tag, so that they are on one shard and one script may use them.
 *
 * @internal
 */
export class ChannelKeys {
  /** What signals between the nodes go by. It has no hash tag, and so is no channel's key. */
  readonly signals: string;

  constructor(private readonly prefix: string) {
    this.signals = `${prefix}signals`;
  }

  /** The stream, and the name of the notifications. */
  stream(channel: string): string {
    return `${this.prefix}{${tag(channel)}}`;
  }

  /** Where the position of the event with a publish key is kept. */
  publishKey(stream: string, key: string): string {
    return `${stream}:k:${key}`;
  }

  /** Who produces into the channel. */
  producer(stream: string): string {
    return `${stream}:p`;
  }
}

/**
 * A channel's name as a hash tag: Redis hashes what is between the first `{` and the next `}`, and an empty tag not at
 * all. Keys may hold any byte, so no more is escaped than that, and names stay readable.
 */
function tag(channel: string): string {
  // UTF-8 has no lone surrogates: two names that differ in them would be one key.
  if (channel === '' || !/^\P{Cs}*$/u.test(channel)) {
    throw new SseError('SSE_INVALID_CHANNEL', `The channel ${show(channel)} is empty or not well-formed text.`, {
      value: channel,
    });
  }
  return channel.replace(/[%{}]/g, encodeURIComponent);
}
