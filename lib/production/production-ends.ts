import { randomBytes } from 'node:crypto';
import type { SseProducerLease } from '../backplane/abilities.js';
import type { SseBackplaneEvent } from '../backplane/backplane.js';
import { isUnavailable } from '../backplane/is-unavailable.js';
import type { ProductionRun } from './production.js';
import { retryWhileUnavailable } from './retry-while-unavailable.js';

/** How long the end is tried to be stored while the store is away, in milliseconds. After that the lease runs out. */
const END_WITHIN_MS = 60_000;

/** What makes one of an event that is stored twice: its number and the producer, or else a key. */
export interface ProducedAs {
  readonly lease?: SseProducerLease | undefined;
  readonly number: number;
  readonly key?: string | undefined;
}

/** Stores what is produced into a channel. */
export type StoreProduced = (name: string, event: SseBackplaneEvent, as: ProducedAs) => string | Promise<string>;

/** @internal */
export interface ProductionEndsOptions {
  readonly store: StoreProduced;
  /** Told of an event that was stored in another way. */
  readonly stored: (name: string, waitedMs: number) => void;
  /** Whether a key makes one of an event that is stored twice. */
  readonly hasKeys: boolean;
  /** When aborted, a store that is away is not waited for. */
  readonly hurry: AbortSignal;
}

/**
 * How productions end: in the store, if need be by trying again. Where there are producers, how it ended is stored and
 * the channel let go in one step.
 *
 * @internal
 */
export class ProductionEnds {
  constructor(private readonly options: ProductionEndsOptions) {}

  /**
   * @param events what clients are told, and the end; none to store nothing
   * @param isAway whether the store was away a moment ago
   * @throws when the end could not be stored: then the lease runs out, and somebody else ends the channel
   */
  async store(run: ProductionRun, events: readonly SseBackplaneEvent[], isAway: boolean): Promise<void> {
    const { lease } = run;
    if (!lease) return await this.storeEvents(run, events);
    if (events.length === 0 || (isAway && this.options.hurry.aborted)) return await this.release(lease);
    try {
      // A failure is told whatever was lost; a good end only behind all that was produced.
      await this.end(run, lease, events, run.isFailed || !run.hasBegun ? undefined : run.queue.last);
    } catch (error) {
      if (!run.isFailed && !isUnavailable(error)) return await this.end(run, lease, run.failure(error), undefined);
      await this.release(lease);
      throw error;
    }
  }

  private async end(
    { channel }: ProductionRun,
    lease: SseProducerLease,
    events: readonly SseBackplaneEvent[],
    last: number | undefined,
  ): Promise<void> {
    const askedAt = performance.now();
    await this.retry(() => lease.end(events, last));
    const waitedMs = performance.now() - askedAt;
    for (const { kind } of events) if (kind === 'event') this.options.stored(channel, waitedMs);
  }

  private async release(lease: SseProducerLease): Promise<void> {
    const released = lease.release();
    if (!this.options.hurry.aborted) await released;
  }

  private async storeEvents({ channel }: ProductionRun, events: readonly SseBackplaneEvent[]): Promise<void> {
    const { store, hasKeys } = this.options;
    const key = randomBytes(9).toString('base64url');
    let failure: unknown;
    for (const [number, event] of events.entries()) {
      const work = async () => store(channel, event, { number, key: hasKeys ? `${key}${number}` : undefined });
      // Without keys an event whose outcome is not known would be stored twice; an end after an end is none.
      const stored = hasKeys || event.kind === 'end' ? this.retry(work) : work();
      // What tells of a failure may be refused, and the end be stored.
      await stored.catch((error: unknown) => (failure ??= error));
    }
    if (failure) throw failure as Error;
  }

  private retry<Result>(work: () => Promise<Result>): Promise<Result> {
    return retryWhileUnavailable(work, performance.now() + END_WITHIN_MS, this.options.hurry);
  }
}
