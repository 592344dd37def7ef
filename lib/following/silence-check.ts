import type { ChannelFollower } from './channel-follower.js';

/** Channels that are asked about in one go: some 0.5 ms of the store, so that nobody waits for it. */
const BATCH = 500;
/** Looks, and batches, that are on their way at once: enough to fill the pipe, few enough to leave room in it. */
const AT_ONCE = 16;
/** Channels that are looked at in each round, however many there are; a few hundred cost nothing. */
const LOOKS_PER_ROUND = 200;
/** Beyond that a silent channel is looked at every so many rounds. In between it is only asked whether something stirred. */
const ROUNDS_PER_LOOK = 12;

/**
 * The commands that silent channels are checked by.
 *
 * @internal
 */
export interface SilenceStore {
  /**
   * Of these channels, which are of one {@link groupOf group}, those that need a look: there is an entry newer than the position
   * that is known, or no channel, or a producer that is dead. It may name too many. Costs much less than as many looks.
   *
   * @param at the newest position that is known of each
   */
  stirred(channels: readonly string[], at: readonly string[]): Promise<readonly string[]>;
  /** Channels of one group can be asked about in one go. */
  groupOf(channel: string): string | number;
  /** Channels of one server answer together, or not at all. */
  serverOf(channel: string): string;
  /** Whether one of the channels is none: something else is stored under its name. */
  isUnreadable(error: unknown): boolean;
}

/**
 * Finds what should have been told of channels that nobody has spoken of lately: a notification that was lost, a store that
 * lost its data, a producer that has died. It also keeps the channels from expiring.
 *
 * There may be many thousand of them, so one round asks for many in one go and begins only when the one before is over; a
 * look at each, which costs ten times as much, comes now and then.
 *
 * @internal
 */
export class SilenceCheck {
  private timer: NodeJS.Timeout | undefined;
  private isRunning = false;

  constructor(
    private readonly store: SilenceStore,
    private readonly followers: () => Iterable<ChannelFollower>,
    private readonly intervalMs: number,
    /** How long a channel is kept that nobody looks at. */
    private readonly idleTtlMs: number,
  ) {}

  /** @param afterwards called after each round */
  start(afterwards: () => void): void {
    this.timer ??= setInterval(() => {
      void this.round().finally(afterwards);
    }, this.intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Does nothing while another one is going on. Never rejects. */
  async round(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      const { looks, asks } = this.plan(performance.now());
      const silent = new Set<string>();
      await each(looks, (follower) => this.onServer(follower.channel, silent, () => follower.check()));
      await each(this.batches(asks), (batch) =>
        this.onServer(batch[0]!.channel, silent, async () => await this.ask(batch)),
      );
    } finally {
      this.isRunning = false;
    }
  }

  private plan(now: number): { looks: ChannelFollower[]; asks: ChannelFollower[] } {
    const silentSince = now - this.intervalMs;
    const lookEvery = Math.min(this.intervalMs * ROUNDS_PER_LOOK, Math.max(this.intervalMs, this.idleTtlMs / 3));
    const all = [...this.followers()].filter(
      (follower) => !follower.isBehind && !follower.isBusy && follower.heardAt <= silentSince,
    );
    if (all.length <= LOOKS_PER_ROUND) return { looks: all, asks: [] };
    // So many that all have their turn in time, and not all at once after a start.
    const most = Math.max(LOOKS_PER_ROUND, Math.ceil((1.25 * all.length * this.intervalMs) / lookEvery));
    const [looks, asks]: [ChannelFollower[], ChannelFollower[]] = [[], []];
    for (const follower of all) {
      const isDue = follower.isUnreadable || follower.position === undefined || follower.lookedAt <= now - lookEvery;
      (isDue && looks.length < most ? looks : asks).push(follower);
    }
    return { looks, asks };
  }

  private batches(followers: readonly ChannelFollower[]): ChannelFollower[][] {
    const open = new Map<string | number, ChannelFollower[]>();
    const batches: ChannelFollower[][] = [];
    for (const follower of followers) {
      // Its turn to be looked at comes; there is nothing to compare with.
      if (follower.position === undefined || follower.isUnreadable) continue;
      const group = this.store.groupOf(follower.channel);
      let batch = open.get(group);
      if (!batch || batch.length === BATCH) {
        open.set(group, (batch = []));
        batches.push(batch);
      }
      batch.push(follower);
    }
    return batches;
  }

  private async ask(batch: readonly ChannelFollower[]): Promise<void> {
    const byChannel = new Map(batch.map((follower) => [follower.channel, follower]));
    const at = batch.map(({ position }) => position!);
    const stirred = await this.store.stirred([...byChannel.keys()], at).catch((error: unknown) => {
      // One of them is no channel, say: then each has to be asked.
      if (!this.store.isUnreadable(error)) throw error;
      return [...byChannel.keys()];
    });
    for (const channel of stirred) await byChannel.get(channel)?.check();
  }

  /** A server that did not answer is not asked for its other channels in this round. */
  private async onServer(channel: string, silent: Set<string>, work: () => Promise<void>): Promise<void> {
    const server = this.store.serverOf(channel);
    if (silent.has(server)) return;
    await work().catch(() => void silent.add(server));
  }
}

/** Does the work for all, some at a time. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, lane));
}
