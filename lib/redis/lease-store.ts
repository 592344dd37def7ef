import type { LastWords, LeaseStore, ProducerEnd } from '../following/producer-lease.js';
import type { ChannelKeys } from './channel-keys.js';
import { ACQUIRE, RELEASE, RENEW } from './lease-scripts.js';
import { RandomDigits } from './random-digits.js';
import type { RedisSettings } from './redis-backplane-options.js';
import { isAnswer } from './redis-error.js';
import { entryAgeMs, streamTtlMs } from './retention.js';
import type { ScriptRunner } from './script-runner.js';
import { encodeStored } from './stored-entry.js';

/** How long after the end of a production its record says so to who tries again to end it, in milliseconds. */
const ENDED_MS = 120_000;

/**
 * Who produces into a channel, as a hash beside its stream.
 *
 * @internal
 */
export class RedisLeaseStore implements LeaseStore {
  private readonly random = new RandomDigits();

  constructor(
    private readonly scripts: ScriptRunner,
    private readonly keys: ChannelKeys,
    private readonly options: RedisSettings,
    readonly store: LeaseStore['store'],
  ) {}

  async acquire(stream: string, token: string, { events, history }: LastWords, isRunning: boolean): Promise<boolean> {
    const { producerTtlMs, idleTtlMs } = this.options;
    const keep = [history.maxEvents, history.maxBytes, entryAgeMs(history), streamTtlMs(history, idleTtlMs)];
    const answer = await this.scripts.run(
      ACQUIRE,
      [stream, this.keys.producer(stream)],
      [
        token,
        `${producerTtlMs}`,
        JSON.stringify(events.map(encodeStored)),
        JSON.stringify(keep),
        this.recordTtl,
        isRunning ? '1' : '0',
        this.random.next(),
      ],
    );
    return answer === 1;
  }

  async renew(stream: string, token: string): Promise<'ours' | 'lost' | 'unknown'> {
    const args = [token, `${this.options.producerTtlMs}`, this.recordTtl];
    const answer = await this.scripts.run(RENEW, [this.keys.producer(stream)], args);
    return answer === 1 ? 'ours' : answer === 0 ? 'lost' : 'unknown';
  }

  async release(stream: string, token: string, end?: ProducerEnd): Promise<boolean> {
    const says = end ? JSON.stringify(end.events.map(encodeStored)) : '';
    const args = [token, this.random.next(), says, `${end?.last ?? ''}`, `${ENDED_MS}`];
    return (await this.scripts.run(RELEASE, [stream, this.keys.producer(stream)], args)) === 1;
  }

  isFenced(error: unknown): boolean {
    return isAnswer(error, 'FENCED');
  }

  isLost(error: unknown): boolean {
    return isAnswer(error, 'LOST');
  }

  /** How long a producer is remembered, dead ones as well: a stopped process may wake up at any time. */
  private get recordTtl(): string {
    return `${Math.max(this.options.idleTtlMs, this.options.producerTtlMs * 2)}`;
  }
}
