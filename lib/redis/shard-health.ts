import type { SingleClient } from './redis-client.js';

/**
 * What is known of the servers behind one client, by their addresses; `''` for a single one.
 *
 * @internal
 */
export class ShardHealth {
  private readonly answeredAt = new Map<string, number>();
  /** Servers whose connection was replaced, and that have not answered since. */
  private readonly suspected = new Set<string>();
  /** Connections of a cluster that were ready once. A command on any other connection has not been sent. */
  private readonly wereReady = new WeakMap<SingleClient, boolean>();

  answered(address: string): void {
    this.answeredAt.set(address, performance.now());
    this.suspected.delete(address);
  }

  hasAnsweredSince(address: string, time: number): boolean {
    return (this.answeredAt.get(address) ?? -Infinity) >= time;
  }

  /** @returns whether it was suspected before */
  suspect(address: string): boolean {
    const wasSuspected = this.suspected.has(address);
    this.suspected.add(address);
    return wasSuspected;
  }

  /** Whether a shard's connection has ever been ready. */
  wasReady(shard: SingleClient): boolean {
    if (!this.wereReady.has(shard)) {
      this.wereReady.set(shard, shard.isReady);
      shard.on('ready', () => this.wereReady.set(shard, true));
    }
    return this.wereReady.get(shard)!;
  }

  /** The client was replaced. */
  forget(): void {
    this.answeredAt.clear();
    this.suspected.clear();
  }
}
