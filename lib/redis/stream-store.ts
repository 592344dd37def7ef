import type { SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import type { ChannelHead, ChannelStore, PageBounds, PositionOrder, StoredRange } from '../following/channel-store.js';
import type { SilenceStore } from '../following/silence-check.js';
import type { ChannelKeys } from './channel-keys.js';
import type { CommandLink } from './command-link.js';
import { hashSlot } from './hash-slot.js';
import { OVERDUE, PRODUCING } from './lease-scripts.js';
import { PublishQueue, type KnownPublish } from './publish-queue.js';
import { RandomDigits } from './random-digits.js';
import type { RedisSettings } from './redis-backplane-options.js';
import { isAnswer } from './redis-error.js';
import { entryAgeMs, streamTtlMs } from './retention.js';
import type { ScriptRunner } from './script-runner.js';
import { BREAK, LOOK, READ } from './stream-scripts.js';
import { encodeStored, parseRow } from './stored-entry.js';
import { comparePositions, isPosition, timeOf } from './stream-position.js';

/**
 * What is done with a channel's stream, each in one command. A channel is named by the key of its stream.
 *
 * @internal
 */
export class StreamStore implements ChannelStore, SilenceStore {
  readonly order: PositionOrder = { isPosition, compare: comparePositions, timeOf };
  private readonly random = new RandomDigits();
  private readonly publishes: PublishQueue;

  constructor(
    private readonly link: CommandLink,
    private readonly scripts: ScriptRunner,
    /** Runs what answers with many entries. */
    private readonly reads: ScriptRunner,
    private readonly keys: ChannelKeys,
    private readonly options: RedisSettings,
  ) {
    this.publishes = new PublishQueue(scripts, keys, options.maxPending);
  }

  /** Publishes without an outcome. */
  get publishing(): number {
    return this.publishes.pending;
  }

  /**
   * Stores an event and notifies.
   *
   * `producer` is the one that publishes, if there is one; `known` the newest position that this node has seen.
   *
   * @returns its position, or the first with the same key
   */
  publish(
    stream: string,
    event: SseBackplaneEvent,
    { history, key }: SsePublishSettings,
    known: string | undefined,
    producer?: { readonly token: string; readonly number: number },
  ): Promise<string | KnownPublish> {
    const ageMs = entryAgeMs(history);
    // Nothing kept by age is nothing kept: the age is what the entries carry, and 0 there is for ever.
    const maxEvents = history.maxAgeMs === 0 && !history.isWhole ? 0 : history.maxEvents;
    return this.publishes.add({
      stream,
      event: encodeStored(event),
      random: this.random.next(),
      known: known ?? '',
      keep: [maxEvents, history.maxBytes, ageMs, streamTtlMs(history, this.options.idleTtlMs)],
      key: key === undefined ? undefined : { name: key, ttlMs: Math.max(this.options.keyTtlMs, ageMs) },
      producer,
    });
  }

  /** @returns when all that was published has an outcome */
  async close(): Promise<void> {
    await this.publishes.close();
  }

  async look(stream: string, known?: string): Promise<ChannelHead> {
    const args = [`${this.options.idleTtlMs}`, known ?? '', this.random.next()];
    const answer = await this.scripts.run(LOOK, [stream, this.keys.producer(stream)], args);
    return headOf(answer as [string, number, number]);
  }

  from(stream: string, position: string, bounds: PageBounds): Promise<StoredRange> {
    return this.range(stream, position, position, bounds);
  }

  oldest(stream: string, beyond: string | undefined, bounds: PageBounds): Promise<StoredRange> {
    return this.range(stream, beyond === undefined ? '-' : `(${beyond}`, '', bounds);
  }

  async break(stream: string, known: string): Promise<boolean> {
    return (await this.scripts.run(BREAK, [stream], [known, this.random.next()])) === 1;
  }

  isUnreadable(error: unknown): boolean {
    return isAnswer(error, 'WRONGTYPE');
  }

  /** The position of the newest entry that was stored before `time`, by the clock of Redis. */
  async positionBefore(stream: string, time: number): Promise<string | undefined> {
    const answer = await this.link.send(stream, ['XREVRANGE', stream, `(${Math.max(1, time)}-0`, '-', 'COUNT', '1']);
    const [row] = Array.isArray(answer) ? (answer as unknown[]) : [];
    return row === undefined ? undefined : parseRow(row).position;
  }

  /** Who produces into the channel, and the newest entry. What a dead one has left is ended first. */
  async producing(stream: string): Promise<{ producer: string | undefined; newest: SseBackplaneEvent | undefined }> {
    const ask = async () =>
      (await this.scripts.run(PRODUCING, [stream, this.keys.producer(stream)], [])) as [number, string, unknown?];
    let [state, token, row] = await ask();
    if (state === -1) {
      await this.look(stream);
      [state, token, row] = await ask();
    }
    return { producer: state === 1 ? token : undefined, newest: row ? parseRow(row).event : undefined };
  }

  /** Three commands for all of them, which cost a tenth of as many looks. */
  async stirred(streams: readonly string[], at: readonly string[]): Promise<readonly string[]> {
    const [first = ''] = streams;
    const producers = streams.map((stream) => this.keys.producer(stream));
    const [found, produced, newer] = await Promise.all([
      this.link.send(first, ['EXISTS', ...streams]),
      this.link.send(first, ['EXISTS', ...producers]),
      this.link.send(first, ['XREAD', 'COUNT', '1', 'STREAMS', ...streams, ...at]),
    ]);
    if (found !== streams.length) return streams;
    const stirred = new Set(keysOf(newer));
    if (produced !== 0) {
      const overdue = (await this.scripts.run(OVERDUE, producers, [])) as number[];
      for (const index of overdue) stirred.add(streams[index - 1]!);
    }
    return [...stirred];
  }

  /** In a cluster only what is in one slot can be asked for in one command. */
  groupOf(stream: string): number {
    return this.link.cluster ? hashSlot(stream) : 0;
  }

  serverOf(stream: string): string {
    return this.link.addressOf(stream);
  }

  private async range(
    stream: string,
    from: string,
    after: string,
    { limit, maxBytes = 0 }: PageBounds,
  ): Promise<StoredRange> {
    const answer = await this.reads.run(READ, [stream], [from, after, `${limit}`, `${maxBytes}`]);
    const [rows, head, ended, bare] = answer as [unknown[], string?, number?, number?];
    return { entries: rows.map(parseRow), head: head === undefined ? undefined : headOf([head, ended, bare]) };
  }
}

/** Of the answer to `XREAD`: pairs, or with RESP3 an object. */
function keysOf(answer: unknown): string[] {
  if (Array.isArray(answer)) return answer.map((pair) => String((pair as unknown[])[0]));
  return typeof answer === 'object' && answer !== null ? Object.keys(answer) : [];
}

function headOf([head, ended, bare]: [string, number?, number?]): ChannelHead {
  return { head, isEnded: ended === 1, isBare: bare === 1 };
}
