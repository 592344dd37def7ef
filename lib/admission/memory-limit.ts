import type { Connection } from '../connection/connection.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import { ARRIVED, type AdmissionStage } from './admission.js';
import type { Limit } from './limit.js';

/** How long a sum holds, in milliseconds: it takes a look at each connection. */
const SUM_HOLDS_MS = 250;

/** `maxBufferedBytes`: what waits for all clients of this node together. @internal */
export class MemoryLimit implements Limit {
  readonly name = 'maxBufferedBytes';
  private sum = 0;
  private summedAt = -Infinity;

  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly max: number,
  ) {}

  isOver(_: Connection, stage: AdmissionStage): boolean {
    return stage === ARRIVED && this.bufferedBytes() > this.max;
  }

  private bufferedBytes(): number {
    const now = performance.now();
    if (now - this.summedAt >= SUM_HOLDS_MS) {
      this.summedAt = now;
      this.sum = 0;
      for (const { bufferedBytes } of this.registry.all) this.sum += bufferedBytes;
    }
    return this.sum;
  }
}
