import type { SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import type { SseGapReason } from '../backplane/gap-reason.js';
import type { ChannelKeys } from './channel-keys.js';
import type { CommandLink } from './command-link.js';
import type { RedisSettings } from './redis-backplane-options.js';
import { hashSlot } from './hash-slot.js';
import { ACQUIRE, OVERDUE, RELEASE, RENEW } from './lease-scripts.js';
import { RandomDigits } from './random-digits.js';
import type { Script } from './script.js';
import { SIGNAL, SIGNALS } from './signal-scripts.js';
import { BREAK, LOOK, PUBLISH, READ } from './stream-scripts.js';
import { encodeStored, parseRow, type StoredEntry } from './stored-entry.js';
import { timeOf } from './stream-position.js';

/** @internal */
export interface ChannelHead {
  readonly head: string;
  readonly isEnded: boolean;
  /** Whether it has never had an event: then every other position is from before it. */
  readonly isBare: boolean;
}

/** What was stored with a key before: its position, and its entry if that is kept. @internal */
export type KnownPublish = readonly [position: string, row?: unknown];

/** What one node has told all. @internal */
export interface StoredSignal {
  readonly id: string;
  readonly message: string;
  /** How long ago, by the clock of Redis. */
  readonly ageMs: number;
}

/** How much is read at once. @internal */
export interface PageBounds {
  /** Entries, 1 or more. */
  readonly limit: number;
  /** Bytes of events; the first entry may be larger. `undefined`: no bound. */
  readonly maxBytes?: number | undefined;
}

/** What follows a position directly, or why that can not be said. @internal */
export interface Range {
  readonly entries: readonly StoredEntry[];
  readonly gap: SseGapReason | undefined;
  /** With a gap: what is stored beyond it, and the head, if there is a channel at all. */
  readonly beyond: readonly StoredEntry[];
  readonly head: ChannelHead | undefined;
}

/**
 * What is done with a channel's stream, each in one command.
 *
 * @internal
 */
export class StreamStore {
  /** Channels whose script Redis had forgotten: what comes meanwhile waits, or it would overtake. */
  private readonly reloading = new Map<string, Promise<unknown>>();
  private readonly random = new RandomDigits();

  constructor(
    private readonly link: CommandLink,
    private readonly keys: ChannelKeys,
    private readonly options: RedisSettings,
  ) {}

  /**
   * Stores an event and notifies.
   *
   * `token` is the producer's, if one publishes; `known` the newest position that this node has seen.
   *
   * @returns its position, or the first with the same key
   */
  publish(
    stream: string,
    event: SseBackplaneEvent,
    { history, key }: SsePublishSettings,
    { token, known }: { readonly token?: string | undefined; readonly known?: string | undefined },
  ): Promise<string | KnownPublish> {
    const ageMs = ageOf(history);
    const keys = [stream];
    if (key !== undefined) keys.push(this.keys.publishKey(stream, key));
    if (token !== undefined) keys.push(this.keys.producer(stream));
    return this.run(
      PUBLISH,
      keys,
      [
        encodeStored(event),
        // Nothing kept by age is nothing kept: the age is what the entries carry, and 0 there is for ever.
        history.maxAgeMs === 0 && !history.isWhole ? '0' : `${history.maxEvents}`,
        `${history.maxBytes}`,
        `${ageMs}`,
        `${this.ttlOf(history.maxAgeMs)}`,
        key === undefined ? '' : `${Math.max(this.options.keyTtlMs, ageMs)}`,
        token ?? '',
        known ?? '',
        this.random.next(),
      ],
      true,
    ) as Promise<string | KnownPublish>;
  }

  /**
   * The head of a channel, which is made if there is none, and its housekeeping.
   *
   * @param known the newest position that this node has seen: the answer is never older
   */
  async look(stream: string, known?: string): Promise<ChannelHead> {
    const args = [`${this.options.idleTtlMs}`, known ?? '', this.random.next()];
    const answer = await this.run(LOOK, [stream, this.keys.producer(stream)], args);
    return headOf(answer as [string, number, number]);
  }

  /** Makes a loss in the middle of a stream visible to all. @returns whether something has changed */
  async break(stream: string, known: string): Promise<boolean> {
    return (await this.run(BREAK, [stream], [known, this.random.next()])) === 1;
  }

  /**
   * The oldest entries that are kept, and not too old by the clock of Redis.
   *
   * @param from `-`, or where Redis itself left off
   */
  oldest(stream: string, from: string, bounds: PageBounds): ReturnType<StreamStore['rows']> {
    return this.rows(stream, from, '', bounds);
  }

  /** The position of the newest entry that was stored before `time`, by the clock of Redis. */
  async positionBefore(stream: string, time: number): Promise<string | undefined> {
    const answer = await this.link.send(stream, ['XREVRANGE', stream, `(${Math.max(1, time)}-0`, '-', 'COUNT', '1']);
    const [row] = Array.isArray(answer) ? (answer as unknown[]) : [];
    return row === undefined ? undefined : parseRow(row).position;
  }

  /**
   * What follows `after`, without a hole.
   *
   * Redis hides trimming: an exclusive range begins with whatever is there. So the entry at `after` itself is read
   * first, and counts as there also when the next one says that it comes right behind it. And each entry must refer to
   * the one before it, or one in between was deleted.
   *
   * The reasons of a gap compare times and not whole positions: a client could find one by halves otherwise.
   */
  async follow(stream: string, after: string, bounds: PageBounds): Promise<Range> {
    const { rows, head } = await this.rows(stream, after, after, bounds);
    const first = rows[0];
    if (!first) {
      if (head?.head === after) return found([]);
      if (!head || head.isBare) return lost('foreign', [], head);
      return lost(timeOf(after) > timeOf(head.head) ? 'future' : 'trimmed', [], head);
    }
    if (first.position === after) rows.shift();
    else if (first.previous !== after) {
      const life = first.life;
      const isForeign = life !== undefined && timeOf(after) < timeOf(life);
      return lost(isForeign ? 'foreign' : 'trimmed', rows, undefined);
    }
    const next = rows[0];
    if (next && next.event && next.previous !== after) return lost('trimmed', rows, undefined);
    return found(rows.slice(0, contiguous(rows)));
  }

  /** @param isRunning whether it has begun already @returns whether this node is the channel's producer now */
  async acquire(
    stream: string,
    token: string,
    lastWords: readonly SseBackplaneEvent[],
    history: SsePublishSettings['history'],
    isRunning: boolean,
  ): Promise<boolean> {
    const keep = [history.maxEvents, history.maxBytes, ageOf(history), this.ttlOf(history.maxAgeMs)];
    const answer = await this.run(
      ACQUIRE,
      [stream, this.keys.producer(stream)],
      [
        token,
        `${this.options.producerTtlMs}`,
        JSON.stringify(lastWords.map(encodeStored)),
        JSON.stringify(keep),
        this.recordTtl,
        isRunning ? '1' : '0',
        this.random.next(),
      ],
    );
    return answer === 1;
  }

  /** @returns whether this node still is the channel's producer; `unknown` if the store does not know of any */
  async renew(stream: string, token: string): Promise<'ours' | 'lost' | 'unknown'> {
    const args = [token, `${this.options.producerTtlMs}`, this.recordTtl];
    const answer = await this.run(RENEW, [this.keys.producer(stream)], args);
    return answer === 1 ? 'ours' : answer === 0 ? 'lost' : 'unknown';
  }

  /** Ends what the producer has not ended, and forgets it. */
  async release(stream: string, token: string): Promise<void> {
    await this.run(RELEASE, [stream, this.keys.producer(stream)], [token, this.random.next()]);
  }

  /**
   * Of channels that are silent, those that need a {@link look}: a newer entry, no stream, or a producer that is dead. Three
   * commands for all of them, which cost a tenth of as many looks. In a cluster they are of one slot.
   *
   * @param at the newest position that is known of each
   */
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
      for (const index of (await this.run(OVERDUE, producers, [])) as number[]) stirred.add(streams[index - 1]!);
    }
    return [...stirred];
  }

  /** Tells all nodes, also those that do not listen at this moment. */
  async signal(message: string, keep: number, keepMs: number): Promise<void> {
    await this.run(SIGNAL, [this.keys.signals], [message, `${keep}`, `${keepMs}`]);
  }

  /** The signals that are kept, oldest first. */
  async signals(): Promise<StoredSignal[]> {
    const [now, rows] = (await this.run(SIGNALS, [this.keys.signals], [])) as [string, [string, string[]][]];
    return rows.map(([id, [, message = '']]) => ({ id, message, ageMs: Number(now) - timeOf(id) }));
  }

  /** In a cluster only what is in one slot can be asked for in one command. */
  placeOf(stream: string): number {
    return this.link.cluster ? hashSlot(stream) : 0;
  }

  serverOf(stream: string): string {
    return this.link.addressOf(stream);
  }

  /** How long a producer is remembered, dead ones as well: a stopped process may wake up at any time. */
  private get recordTtl(): string {
    return `${Math.max(this.options.idleTtlMs, this.options.producerTtlMs * 2)}`;
  }

  /** How long a stream lives without a publish, in milliseconds; 0 for ever. */
  private ttlOf(maxAgeMs: number | false): number {
    return maxAgeMs === false ? 0 : Math.max(this.options.idleTtlMs, maxAgeMs);
  }

  private async rows(
    stream: string,
    from: string,
    after: string,
    { limit, maxBytes = 0 }: PageBounds,
  ): Promise<{ rows: StoredEntry[]; head: ChannelHead | undefined }> {
    const answer = await this.run(READ, [stream], [from, after, `${limit}`, `${maxBytes}`]);
    const [rows, head, ended, bare] = answer as [unknown[], string?, number?, number?];
    return { rows: rows.map(parseRow), head: head === undefined ? undefined : headOf([head, ended, bare]) };
  }

  private run(script: Script, keys: readonly string[], args: readonly string[], isPublish = false): Promise<unknown> {
    const [stream = ''] = keys;
    const tail = [`${keys.length}`, ...keys, ...args];
    const call = (): Promise<unknown> =>
      this.link.send(stream, ['EVALSHA', script.sha, ...tail], isPublish).catch((error: Error) => {
        if (!(error.cause instanceof Error) || !error.cause.message.startsWith('NOSCRIPT')) throw error;
        const retried = this.link.send(stream, ['EVAL', script.text, ...tail], isPublish);
        const done = retried
          .catch(() => undefined)
          .then(() => {
            if (this.reloading.get(stream) === done) this.reloading.delete(stream);
          });
        this.reloading.set(stream, done);
        return retried;
      });
    const reloading = this.reloading.get(stream);
    return reloading ? reloading.then(call) : call();
  }
}

/** What the entries carry, in milliseconds; 0 for ever. What is kept whole does not age one by one: the stream expires. */
function ageOf({ maxAgeMs, isWhole }: SsePublishSettings['history']): number {
  return maxAgeMs === false || isWhole ? 0 : maxAgeMs;
}

/** Of the answer to `XREAD`: pairs, or with RESP3 an object. */
function keysOf(answer: unknown): string[] {
  if (Array.isArray(answer)) return answer.map((pair) => String((pair as unknown[])[0]));
  return typeof answer === 'object' && answer !== null ? Object.keys(answer) : [];
}

function headOf([head, ended, bare]: [string, number?, number?]): ChannelHead {
  return { head, isEnded: ended === 1, isBare: bare === 1 };
}

function found(entries: readonly StoredEntry[]): Range {
  return { entries, gap: undefined, beyond: [], head: undefined };
}

function lost(gap: SseGapReason, beyond: readonly StoredEntry[], head: ChannelHead | undefined): Range {
  return { entries: [], gap, beyond, head };
}

/** How many of the first entries refer each to the one before it. */
function contiguous(rows: readonly StoredEntry[]): number {
  let count = Math.min(1, rows.length);
  while (count < rows.length && rows[count]!.previous === rows[count - 1]!.position) count++;
  return count;
}
