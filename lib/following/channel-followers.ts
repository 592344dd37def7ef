import type { SseBackplaneListener, SseBackplaneSubscription } from '../backplane/backplane.js';
import { ChannelFollower } from './channel-follower.js';
import type { ChannelStore } from './channel-store.js';
import { ConcurrencyLimiter } from './concurrency-limiter.js';
import type { Notifications } from './notifications.js';
import { SilenceCheck, type SilenceStore } from './silence-check.js';

/** Channels that ask the store at once, after a reconnect say: enough to fill the pipe, few enough to leave room in it. */
const CHANNELS_AT_ONCE = 64;

/** Between two tries to read what was missed, in milliseconds, while the store is away: one command each. */
const RECOVER_EVERY_MS = 300;

/** How often channels are checked. @internal */
export interface CheckSettings {
  /** Between two rounds, and the silence after which a channel is checked. */
  readonly checkIntervalMs: number;
  /** How long the store keeps a channel that nobody looks at. */
  readonly idleTtlMs: number;
  /** Called after each round. */
  readonly afterRound?: () => void;
}

/**
 * Follows the channels that somebody on this node listens to: one follower for each, however many listeners it has.
 *
 * @internal
 */
export class ChannelFollowers {
  private readonly followers = new Map<string, ChannelFollower>();
  private readonly limiter = new ConcurrencyLimiter(CHANNELS_AT_ONCE);
  private readonly checks: SilenceCheck;
  private recovery: Promise<void> | undefined;
  private isClosed = false;

  constructor(
    private readonly store: ChannelStore & SilenceStore,
    private readonly notifications: Notifications,
    private readonly settings: CheckSettings,
  ) {
    const { checkIntervalMs, idleTtlMs } = settings;
    this.checks = new SilenceCheck(store, () => this.followers.values(), checkIntervalMs, idleTtlMs);
  }

  get size(): number {
    return this.followers.size;
  }

  /** How many may have missed something that could not be read yet. */
  get behind(): number {
    let count = 0;
    for (const { isBehind } of this.followers.values()) if (isBehind) count++;
    return count;
  }

  /** The newest position that the listeners of a channel were told, if it has any. */
  positionOf(channel: string): string | undefined {
    return this.followers.get(channel)?.position;
  }

  listen(channel: string, listener: SseBackplaneListener): SseBackplaneSubscription {
    if (this.isClosed) return { close: () => undefined };
    const follower = this.followers.get(channel) ?? this.follow(channel);
    const { listeners } = follower;
    follower.listen(listener);
    return {
      close: () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        follower.close();
        if (this.followers.get(channel) !== follower) return;
        this.followers.delete(channel);
        this.notifications.unlisten(channel);
      },
    };
  }

  /** Begins the rounds, if they have not begun with the first channel. */
  checkRegularly(): void {
    if (this.isClosed) return;
    this.checks.start(() => {
      this.settings.afterRound?.();
      this.recover();
    });
  }

  close(): void {
    this.isClosed = true;
    this.checks.stop();
    for (const follower of this.followers.values()) follower.close();
    this.followers.clear();
  }

  private follow(channel: string): ChannelFollower {
    const follower = new ChannelFollower(
      channel,
      this.store,
      (work) => this.ask(work),
      () => this.notifications.settled(channel),
    );
    this.followers.set(channel, follower);
    this.notifications.listen(channel, follower);
    this.checkRegularly();
    return follower;
  }

  private async ask(work: () => Promise<void>): Promise<void> {
    await this.limiter.run(work);
    this.recover();
  }

  /** Reads what was missed while the store was away, as soon as it is back: one channel tries, and then all. */
  private recover(): void {
    if (this.recovery || this.isClosed) return;
    this.recovery = this.tryAgain().finally(() => (this.recovery = undefined));
  }

  private async tryAgain(): Promise<void> {
    // Another one each time: what keeps one of them from being read may be its own affair.
    for (let turn = 0; ; turn++) {
      const behind = [...this.followers.values()].filter((one) => one.isHeard && one.isBehind && !one.isBusy);
      const first = behind[turn % behind.length];
      if (!first || this.isClosed) return;
      await first.catchUp();
      if (first.isBehind) await new Promise((resolve) => setTimeout(resolve, RECOVER_EVERY_MS).unref());
      else for (const one of behind) if (one.isBehind) void one.catchUp();
    }
  }
}
