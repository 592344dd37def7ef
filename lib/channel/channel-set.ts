import type { SseBackplane } from '../backplane/backplane.js';
import { EndOfTurn } from '../connection/end-of-turn.js';
import { SseError } from '../protocol/sse-error.js';
import { Channel } from './channel.js';
import { settingsOf, type ChannelOptions, type ChannelSettings } from './channel-options.js';
import { LiveGroup } from './live-group.js';
import { nextTick } from '../protocol/event-loop.js';

/** How often unused channels are looked for, in milliseconds. Their memory is freed this late at most. */
const SWEEP_EVERY_MS = 5_000;

/** For so many channels that nobody reads here, the settings are remembered. */
const MAX_SETTINGS = 10_000;

/**
 * The channels that this node knows: they appear when they are first used, and vanish when nobody reads them and nothing
 * is left in them.
 *
 * @internal
 */
export class ChannelSet {
  private readonly channels = new Map<string, Channel>();
  private readonly groups = new Map<string, LiveGroup>();
  private readonly settings = new Map<string, ChannelSettings>();
  /** What is published in one turn leaves as one buffer. When one channel throws, the others go on. */
  private readonly moved = new EndOfTurn<Channel>((_, error) => this.report(error));
  /** Channels whose last reader has left in this turn. */
  private readonly left = new Set<Channel>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly backplane: SseBackplane,
    private readonly options: ChannelOptions,
    private readonly report: (error: unknown) => void,
  ) {}

  [Symbol.iterator](): IterableIterator<Channel> {
    return this.channels.values();
  }

  /** How many there are. */
  get size(): number {
    return this.channels.size;
  }

  /**
   * Checks that there is room for all of these channels, before one of them is made.
   *
   * @throws {SseError} `SSE_TOO_MANY_CHANNELS`
   */
  checkRoom(names: readonly string[]): void {
    const { maxChannels } = this.options;
    if (this.channels.size + names.length <= maxChannels) return;
    const isNew = (name: string) => !this.channels.has(name);
    if (this.channels.size + names.filter(isNew).length > maxChannels) throw tooMany(maxChannels);
  }

  /**
   * The channel of that name, which is made if need be.
   *
   * @throws {SseError} `SSE_TOO_MANY_CHANNELS`
   */
  get(name: string): Channel {
    let channel = this.channels.get(name);
    if (!channel) {
      if (this.channels.size >= this.options.maxChannels) throw tooMany(this.options.maxChannels);
      channel = new Channel(name, this.settingsOf(name), this.backplane, (moved) => this.moved.add(moved), this.report);
      channel.onLeft = (one) => this.leftLater(one);
      this.channels.set(name, channel);
      // The sockets keep the process alive, not the sweep.
      this.timer ??= setInterval(() => this.sweep(), SWEEP_EVERY_MS).unref();
    }
    return channel;
  }

  /** What holds for a channel, also when this node does not know it. Its name is compared with the rules once. */
  settingsOf(name: string): ChannelSettings {
    const { options, settings } = this;
    const channel = this.channels.get(name);
    if (channel) return channel.settings;
    if (options.rules.length === 0) return options;
    let found = settings.get(name);
    if (!found) {
      // Names may come from clients.
      if (settings.size >= MAX_SETTINGS) settings.clear();
      settings.set(name, (found = settingsOf(options, name)));
    }
    return found;
  }

  /** The channel of that name, when the backplane has said where it stands. */
  whenReady(name: string): Promise<Channel> {
    const channel = this.get(name);
    if (channel.isReady) return Promise.resolve(channel);
    return new Promise((resolve) => {
      const watcher = {
        moved: () => {
          channel.unwatch(watcher);
          resolve(channel);
        },
      };
      channel.watch(watcher);
    });
  }

  /** The group at the heads of these channels. The caller must join it at once: a group that nobody joined would stay for ever. */
  groupOf(channels: readonly Channel[]): LiveGroup {
    // No name has a control character in it.
    const key = channels.length === 1 ? channels[0]!.name : channels.map(({ name }) => name).join('\n');
    let group = this.groups.get(key);
    if (!group) {
      group = new LiveGroup(channels, () => {
        this.groups.delete(key);
        for (const channel of channels) this.leftLater(channel);
      });
      this.groups.set(key, group);
    }
    return group;
  }

  /** The channel of that name if this node knows it. */
  find(name: string): Channel | undefined {
    return this.channels.get(name);
  }

  /** Forgets channels that are unused for long, and old settings. */
  sweep(now = performance.now()): void {
    for (const [name, channel] of this.channels) {
      channel.trim(now);
      if (channel.isIdle(now)) this.drop(name, channel);
    }
    if (this.channels.size === 0) this.rest();
  }

  close(): void {
    for (const channel of this.channels.values()) channel.close();
    this.channels.clear();
    this.rest();
  }

  private leftLater(channel: Channel): void {
    this.left.add(channel);
    // A reader that becomes live, or falls behind, leaves and comes back in the same turn.
    if (this.left.size === 1) nextTick(() => this.dropUnused());
  }

  /** Forgets channels of which this node knows only the name. When they are used again, nothing is missing. */
  private dropUnused(): void {
    const left = [...this.left];
    this.left.clear();
    for (const channel of left) {
      if (channel.isUnused && this.channels.get(channel.name) === channel) this.drop(channel.name, channel);
    }
    if (this.channels.size === 0) this.rest();
  }

  private drop(name: string, channel: Channel): void {
    channel.close();
    this.channels.delete(name);
  }

  private rest(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

function tooMany(maxChannels: number): SseError {
  return new SseError(
    'SSE_TOO_MANY_CHANNELS',
    `There are ${maxChannels} channels already, which are read or have events that are kept. Check names that come from clients, or raise maxChannels.`,
  );
}
