import type { ChannelWatch } from './channel-watch.js';
import { isUnreadable } from './unavailable.js';

/** Channels that are asked about in one go: some 0.5 ms of Redis, so that nobody waits for it. */
const BATCH = 500;
/** Looks, and batches, that are on their way at once: enough to fill the pipe, few enough to leave room in it. */
const AT_ONCE = 16;
/** Channels that are looked at in each round, however many there are; a few hundred cost nothing. */
const LOOKS_PER_ROUND = 200;
/** Beyond that a silent channel is looked at every so many rounds. In between it is only asked whether something stirred. */
const ROUNDS_PER_LOOK = 12;

/** What a check needs of the store. */
export interface CheckedStore {
  /** Which of these channels, of one {@link placeOf place}, need a look. */
  stirred(streams: readonly string[], at: readonly string[]): Promise<readonly string[]>;
  /** Channels of one place can be asked about in one go. */
  placeOf(stream: string): string | number;
  /** Channels of one server answer together, or not at all. */
  serverOf(stream: string): string;
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
    private readonly store: CheckedStore,
    private readonly watches: () => Iterable<ChannelWatch>,
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
      await each(looks, (watch) => this.onServer(watch.stream, silent, () => watch.check()));
      await each(this.batches(asks), (batch) =>
        this.onServer(batch[0]!.stream, silent, async () => await this.ask(batch)),
      );
    } finally {
      this.isRunning = false;
    }
  }

  private plan(now: number): { looks: ChannelWatch[]; asks: ChannelWatch[] } {
    const silentSince = now - this.intervalMs;
    const lookEvery = Math.min(this.intervalMs * ROUNDS_PER_LOOK, Math.max(this.intervalMs, this.idleTtlMs / 3));
    const all = [...this.watches()].filter((watch) => !watch.isBehind && !watch.isBusy && watch.heardAt <= silentSince);
    if (all.length <= LOOKS_PER_ROUND) return { looks: all, asks: [] };
    // So many that all have their turn in time, and not all at once after a start.
    const most = Math.max(LOOKS_PER_ROUND, Math.ceil((1.25 * all.length * this.intervalMs) / lookEvery));
    const [looks, asks]: [ChannelWatch[], ChannelWatch[]] = [[], []];
    for (const watch of all) {
      const isDue = watch.isUnreadable || watch.position === undefined || watch.lookedAt <= now - lookEvery;
      (isDue && looks.length < most ? looks : asks).push(watch);
    }
    return { looks, asks };
  }

  private batches(watches: readonly ChannelWatch[]): ChannelWatch[][] {
    const open = new Map<string | number, ChannelWatch[]>();
    const batches: ChannelWatch[][] = [];
    for (const watch of watches) {
      // Its turn to be looked at comes; there is nothing to compare with.
      if (watch.position === undefined || watch.isUnreadable) continue;
      const place = this.store.placeOf(watch.stream);
      let batch = open.get(place);
      if (!batch || batch.length === BATCH) {
        open.set(place, (batch = []));
        batches.push(batch);
      }
      batch.push(watch);
    }
    return batches;
  }

  private async ask(batch: readonly ChannelWatch[]): Promise<void> {
    const byStream = new Map(batch.map((watch) => [watch.stream, watch]));
    const at = batch.map(({ position }) => position!);
    const stirred = await this.store.stirred([...byStream.keys()], at).catch((error: unknown) => {
      // One of them is no stream, say: then each has to be asked.
      if (!isUnreadable(error)) throw error;
      return [...byStream.keys()];
    });
    for (const stream of stirred) await byStream.get(stream)?.check();
  }

  /** A server that did not answer is not asked for its other channels in this round. */
  private async onServer(stream: string, silent: Set<string>, work: () => Promise<void>): Promise<void> {
    const server = this.store.serverOf(stream);
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
