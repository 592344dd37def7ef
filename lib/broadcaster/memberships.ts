import { randomUUID } from 'node:crypto';
import { isSignalling } from '../backplane/abilities.js';
import type { SseBackplane } from '../backplane/backplane.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import { checkChannelName } from '../channel/channel-name.js';
import type { ChannelSet } from '../channel/channel-set.js';
import { checkTags, hasTags, type SseTags } from './kick-message.js';
import type { SseFrom } from '../replay/channel-cursor.js';
import { checkFrom } from '../subscription/subscription-options.js';
import { SubscriptionFeed } from '../subscription/subscription-feed.js';

/** Changes that are remembered for connections that were opening when they came. */
const MAX_REMEMBERED = 1_000;

/** A channel that some clients' subscriptions gain or lose. */
interface Membership {
  readonly tags: SseTags;
  readonly channel: string;
  /** `undefined`: they leave it. */
  readonly from: SseFrom | undefined;
  /** Whoever arrived after that time has been subscribed with it in mind, in milliseconds since the epoch. */
  readonly before: number;
}

/**
 * Adds channels to open subscriptions, and takes them away, by the tags of their connections, on all nodes.
 *
 * A node that hears of it later begins at the same place: the position at which the channel was when it was said.
 *
 * @internal
 */
export class Memberships {
  /** What this node said it has done already. */
  private readonly node = randomUUID();
  private remembered: Membership[] = [];

  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly backplane: SseBackplane,
    private readonly set: ChannelSet,
    private readonly report: (error: unknown) => void,
  ) {}

  /** @returns how many subscriptions of this node have it now, when their clients are told */
  async join(tags: SseTags, channel: string, from: SseFrom): Promise<number> {
    checkTags(tags, 'join');
    const name = checkChannelName(channel);
    const asked = checkFrom('from', from);
    const at = asked === 'live' ? await this.headOf(name) : asked;
    return await this.change({ tags, channel: name, from: at, before: Date.now() });
  }

  async leave(tags: SseTags, channel: string): Promise<number> {
    checkTags(tags, 'leave');
    return await this.change({ tags, channel: checkChannelName(channel), from: undefined, before: Date.now() });
  }

  /** @returns whether the message was one of these */
  hear(text: string, ageMs = 0): boolean {
    if (!text.startsWith('{"membership"')) return false;
    try {
      const { membership, node } = JSON.parse(text) as { membership: Partial<Membership>; node: unknown };
      if (node === this.node) return true;
      const { tags, channel, from } = membership;
      checkTags(tags, 'membership');
      this.apply({
        tags,
        channel: checkChannelName(channel),
        from: from === undefined ? undefined : checkFrom('from', from),
        before: Date.now() - ageMs,
      }).catch(this.report);
    } catch (error) {
      // Whoever may write to the backplane can say anything.
      this.report(error);
    }
    return true;
  }

  /** A request whose handler was still at work: it may have asked for the channels before they changed. */
  admit(feed: SubscriptionFeed): void {
    for (const membership of this.remembered) {
      if (concerns(membership, feed)) changeOne(feed, membership).catch(this.report);
    }
  }

  private async change(membership: Membership): Promise<number> {
    if (isSignalling(this.backplane)) {
      const { tags, channel, from } = membership;
      await this.backplane.signal(JSON.stringify({ membership: { tags, channel, from }, node: this.node }));
    }
    return await this.apply(membership);
  }

  private async apply(membership: Membership): Promise<number> {
    this.remember(membership);
    const feeds = [...this.registry.all].map(({ feed }) => feed).filter((feed) => feed instanceof SubscriptionFeed);
    const concerned = feeds.filter((feed) => concerns(membership, feed));
    await Promise.all(concerned.map((feed) => changeOne(feed, membership)));
    return concerned.length;
  }

  private remember(membership: Membership): void {
    let oldest = Infinity;
    for (const { state, arrivedAt } of this.registry.all) if (state === 'opening') oldest = Math.min(oldest, arrivedAt);
    this.remembered = this.remembered.filter(({ before }) => before >= oldest);
    if (oldest === Infinity) return;
    this.remembered.push(membership);
    if (this.remembered.length > MAX_REMEMBERED) this.remembered.shift();
  }

  /** Where a channel is now: what comes behind it is what is published from now on. */
  private async headOf(name: string): Promise<SseFrom> {
    const { head } = (await this.set.whenReady(name)).log;
    return head === undefined ? 'earliest' : { position: head };
  }
}

function concerns({ tags, before }: Membership, { connection }: SubscriptionFeed): boolean {
  return connection.arrivedAt <= before && hasTags(tags)(connection);
}

function changeOne(feed: SubscriptionFeed, { channel, from }: Membership): Promise<void> {
  return from === undefined ? feed.leave(channel) : feed.join(channel, from);
}
