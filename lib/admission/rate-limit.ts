import type { Connection } from '../connection/connection.js';
import { ARRIVED, type AdmissionStage } from './admission.js';
import type { Limit } from './limit.js';

/** `openingsPerSecond`: a token bucket that holds as many as one second gives. @internal */
export class RateLimit implements Limit {
  readonly name = 'openingsPerSecond';
  private tokens: number;
  private filledAt: number;

  /** @param now in milliseconds, of a clock that only goes forward */
  constructor(
    private readonly perSecond: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.tokens = perSecond;
    this.filledAt = now();
  }

  isOver(_: Connection, stage: AdmissionStage): boolean {
    if (stage !== ARRIVED) return false;
    const now = this.now();
    this.tokens = Math.min(this.perSecond, this.tokens + ((now - this.filledAt) / 1_000) * this.perSecond);
    this.filledAt = now;
    if (this.tokens < 1) return true;
    this.tokens--;
    return false;
  }
}
