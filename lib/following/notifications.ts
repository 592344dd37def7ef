import type { StoredEntry } from './channel-store.js';

/** Who is told what a broker announces of one channel. @internal */
export interface ChannelNotifications {
  /** An entry was stored. Announcements may be lost, come twice, or come late; none comes before it is stored. */
  stored(entry: StoredEntry): void;
  /** From now on every announcement arrives. Called each time that listening has begun, also after a loss. */
  subscribed(): void;
}

/**
 * How a broker announces that an entry was stored.
 *
 * @internal
 */
export interface Notifications {
  /** Announces a channel's entries to `listener`, one for each channel, as soon as it can and until `unlisten()`. */
  listen(channel: string, listener: ChannelNotifications): void;
  unlisten(channel: string): void;
  /** Resolves when all has arrived that was announced before this call, or none can arrive. Never rejects. */
  settled(channel: string): Promise<void>;
}
