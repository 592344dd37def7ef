import type { ChannelNotifications, Notifications } from '../following/notifications.js';
import type { SignalInbox } from '../following/signal-inbox.js';
import { parseNotification } from './stored-entry.js';
import type { SubscriberPool } from './subscriber-pool.js';

/** `<id> <id of the one before, or -> <message>`. */
const SIGNAL = /^(\d+-\d+) (-|\d+-\d+) ([^]*)$/;

/**
 * What Redis announces with `SPUBLISH`. Anyone with access to it may: what is none of ours is not passed on.
 *
 * @internal
 */
export class RedisNotifications implements Notifications {
  constructor(private readonly pool: SubscriberPool) {}

  listen(stream: string, listener: ChannelNotifications): void {
    this.pool.add(stream, {
      message: (text) => {
        const entry = parseNotification(text);
        if (entry) listener.stored(entry);
      },
      subscribed: () => listener.subscribed(),
    });
  }

  unlisten(stream: string): void {
    this.pool.remove(stream);
  }

  settled(stream: string): Promise<void> {
    return this.pool.settled(stream);
  }

  listenToSignals(key: string, inbox: SignalInbox): void {
    this.pool.add(key, {
      message: (text) => {
        const [, id, previous, message] = SIGNAL.exec(text) ?? [];
        if (id === undefined || message === undefined) return;
        inbox.received(id, previous === '-' ? undefined : previous, message);
      },
      subscribed: () => inbox.subscribed(),
    });
  }
}
