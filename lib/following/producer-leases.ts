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

  /**
   * Makes this node the only producer of a channel, until it releases it or is silent for too long.
   *
   * @returns `undefined` if somebody produces already
   */
  async acquire(
    channel: string,
    lastWords: LastWords,
    onLost: (why: 'taken' | 'gone') => void,
  ): Promise<ProducerLease | undefined> {
    if (this.leases.has(channel)) return undefined;
    const token = randomBytes(12).toString('base64url');
    const forget = (): void => {
      if (this.leases.get(channel) === lease) this.leases.delete(channel);
    };
    const lease = new ProducerLease(channel, token, this.store, this.ttlMs, lastWords, forget, onLost);
    this.leases.set(channel, lease);
    return (await lease.acquire()) ? lease : undefined;
  }

  /** Releases all of them. A producer that ends with its application has not died: whoever stops it says why. */
  async close(): Promise<void> {
    const leases = [...this.leases.values()];
    this.leases.clear();
    await Promise.all(leases.map((lease) => lease.release()));
  }
}
