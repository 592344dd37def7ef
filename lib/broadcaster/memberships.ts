import { randomUUID } from 'node:crypto';
import type { NodeSignals } from '../backplane/node-signals.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import { checkChannelName } from '../channel/channel-name.js';
import type { ChannelSet } from '../channel/channel-set.js';
import { checkTags, hasTags, type SseTags } from './tags.js';
import { objectOption } from '../protocol/check-option.js';
import type { SseFrom } from '../replay/channel-cursor.js';
import { checkFrom } from '../subscription/subscription-options.js';
import { SubscriptionFeed } from '../subscription/subscription-feed.js';

/** How many changes are remembered for connections that are still opening. */
const MAX_REMEMBERED = 1_000;

/** A channel that is added to the subscriptions of some clients, or removed from them. */
interface Membership {
  readonly tags: SseTags;
  readonly channel: string;
  /** `undefined`: the channel is removed. */
  readonly from: SseFrom | undefined;
  /** The time of the change, in milliseconds since the epoch. It does not concern clients that arrived later. */
  readonly before: number;
}

/**
 * Adds channels to open subscriptions, and removes them, by the tags of their connections, on all nodes.
 *
 * A signal has the position that the channel had when it was sent. So a node that hears of it later begins at the same place.
 *
 * @internal
 */
export class Memberships {
  /** The id of this node. It has done already what its own signals say. */
  private readonly node = randomUUID();
  private remembered: Membership[] = [];

  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly signals: NodeSignals,
    private readonly set: ChannelSet,
    private readonly report: (error: unknown) => void,
  ) {
    signals.on('membership', (body, ageMs) => this.heard(body, ageMs));
  }

  /** @returns how many subscriptions of this node have the channel now. It resolves when their clients are told */
  async join(tags: SseTags, channel: string, from: SseFrom): Promise<number> {
    checkTags('join', tags);
    const name = checkChannelName(channel);
    const asked = checkFrom('from', from);
    const at = asked === 'live' ? await this.headOf(name) : asked;
    return await this.change({ tags, channel: name, from: at, before: Date.now() });
  }

  async leave(tags: SseTags, channel: string): Promise<number> {
    checkTags('leave', tags);
    return await this.change({ tags, channel: checkChannelName(channel), from: undefined, before: Date.now() });
  }

  /** @throws {SseError} for everything that {@link change} does not send */
  private heard(body: unknown, ageMs: number): void {
    const { tags, channel, from, node } = objectOption('membership', body as Partial<Membership & { node: string }>);
    if (node === this.node) return;
    checkTags('membership.tags', tags);
    const membership: Membership = {
      tags,
      channel: checkChannelName(channel),
      from: from === undefined ? undefined : checkFrom('membership.from', from),
      before: Date.now() - ageMs,
    };
    this.apply(membership).catch(this.report);
  }

  /** Makes the changes that came while the handler of this request was running. It may have asked for its channels before. */
  admit(feed: SubscriptionFeed): void {
    for (const membership of this.remembered) {
      if (concerns(membership, feed)) changeOne(feed, membership).catch(this.report);
    }
  }

  private async change(membership: Membership): Promise<number> {
    const { tags, channel, from } = membership;
    await this.signals.send('membership', { tags, channel, from, node: this.node });
    return await this.apply(membership);
  }

  private async apply(membership: Membership): Promise<number> {
    this.remember(membership);
    const feeds = [...this.registry.all].map(({ feed }) => feed).filter((feed) => feed instanceof SubscriptionFeed);
    const concerned = feeds.filter((feed) => concerns(membership, feed));
    const changed = await Promise.all(concerned.map((feed) => changeOne(feed, membership)));
    return changed.filter((isChanged) => isChanged).length;
  }

  private remember(membership: Membership): void {
    let oldest = Infinity;
    for (const { state, arrivedAt } of this.registry.all) if (state === 'opening') oldest = Math.min(oldest, arrivedAt);
    this.remembered = this.remembered.filter(({ before }) => before >= oldest);
    if (oldest === Infinity) return;
    this.remembered.push(membership);
    if (this.remembered.length > MAX_REMEMBERED) this.remembered.shift();
  }

  /** Where a channel stands now. What is published from now on comes behind it. */
  private async headOf(name: string): Promise<SseFrom> {
    const { head } = (await this.set.whenReady(name)).log;
    return head === undefined ? 'earliest' : { position: head };
  }
}

function concerns({ tags, before }: Membership, { connection }: SubscriptionFeed): boolean {
  return connection.arrivedAt <= before && hasTags(tags)(connection);
}

/** @returns whether it was allowed to */
async function changeOne(feed: SubscriptionFeed, { channel, from }: Membership): Promise<boolean> {
  if (from !== undefined) return await feed.join(channel, from);
  await feed.leave(channel);
  return true;
}
