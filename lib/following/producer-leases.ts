import { randomBytes } from 'node:crypto';
import { ProducerLease, type LastWords, type LeaseStore } from './producer-lease.js';

/**
 * The channels that this node produces into.
 *
 * @internal
 */
export class ProducerLeases {
  private readonly leases = new Map<string, ProducerLease>();

  /** @param ttlMs how long a producer may be silent before it counts as dead */
  constructor(
    private readonly store: LeaseStore,
    private readonly ttlMs: number,
  ) {}

  /** The lease that a publish to the channel belongs to. */
  of(channel: string): ProducerLease | undefined {
    return this.leases.get(channel);
  }

  /**
   * Makes this node the only producer of a channel, until it releases it or is silent for too long.
   *
   * @param onLost called when it is found that another took over
   * @returns `undefined` if somebody produces already
   */
  async acquire(
    channel: string,
    lastWords: LastWords,
    onLost: () => void,
  ): Promise<{ release(): Promise<void> } | undefined> {
    if (this.leases.has(channel)) return undefined;
    const token = randomBytes(12).toString('base64url');
    const forget = (): void => {
      if (this.leases.get(channel) === lease) this.leases.delete(channel);
    };
    const lease = new ProducerLease(channel, token, this.store, this.ttlMs, lastWords, () => {
      forget();
      onLost();
    });
    this.leases.set(channel, lease);
    const isOurs = await lease.acquire().catch((error: unknown) => {
      forget();
      throw error;
    });
    if (!isOurs) {
      forget();
      return undefined;
    }
    return {
      release: () => {
        forget();
        return lease.release();
      },
    };
  }

  /** Releases all of them. A producer that ends with its application has not died: whoever stops it says why. */
  async close(): Promise<void> {
    const leases = [...this.leases.values()];
    this.leases.clear();
    await Promise.all(leases.map((lease) => lease.release()));
  }
}
