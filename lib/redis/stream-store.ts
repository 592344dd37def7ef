import type { SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import type { SseGapReason } from '../backplane/gap-reason.js';
import type { ChannelKeys } from './channel-keys.js';
import type { CommandLink } from './command-link.js';
import type { SseRedisOptions } from './redis-backplane-options.js';
import { ACQUIRE, LOOK, PUBLISH, READ, RELEASE, RENEW, SIGNAL, SIGNALS, type Script } from './scripts.js';
import { encodeStored, parseRow, type StoredEntry } from './stored-entry.js';
import { comparePositions, timeOf } from './stream-position.js';

/** @internal */
export interface ChannelHead {
  readonly head: string;
  readonly isEnded: boolean;
  /** Whether it has never had an event: then every other position is from before it. */
  readonly isBare: boolean;
}

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

  constructor(
    private readonly link: CommandLink,
    private readonly keys: ChannelKeys,
    private readonly options: Omit<SseRedisOptions, 'url' | 'client'>,
  ) {}

  /** Stores an event and notifies. @returns its position, or that of the first with the same key */
  publish(
    stream: string,
    event: SseBackplaneEvent,
    { history, key }: SsePublishSettings,
    token: string | undefined,
  ): Promise<string> {
    // What is kept whole does not age entry by entry: the stream expires.
    const ageMs = history.maxAgeMs === false || history.isWhole ? 0 : history.maxAgeMs;
    const keys = [stream];
    if (key !== undefined) keys.push(this.keys.publishKey(stream, key));
    if (token !== undefined) keys.push(this.keys.producer(stream));
    return this.run(PUBLISH, keys, [
      encodeStored(event),
      // Nothing kept by age is nothing kept: the age is what the entries carry, and 0 there is for ever.
      history.maxAgeMs === 0 && !history.isWhole ? '0' : `${history.maxEvents}`,
      `${history.maxBytes}`,
      `${ageMs}`,
      `${this.ttlOf(history.maxAgeMs)}`,
      key === undefined ? '' : `${Math.max(this.options.keyTtlMs, ageMs)}`,
      token ?? '',
    ]) as Promise<string>;
  }

  /** The head of a channel, and its housekeeping. @param make makes the channel if there is none */
  async look(stream: string, make: boolean): Promise<ChannelHead | undefined> {
    const args = [`${this.options.idleTtlMs}`, make ? '1' : '0'];
    const answer = await this.run(LOOK, [stream, this.keys.producer(stream)], args);
    return headOf(answer as [string?, number?, number?]);
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
   */
  async follow(stream: string, after: string, bounds: PageBounds): Promise<Range> {
    const { rows, head } = await this.rows(stream, after, after, bounds);
    const first = rows[0];
    if (!first) {
      if (head?.head === after) return found([]);
      if (!head || head.isBare) return lost('foreign', [], head);
      return lost(comparePositions(after, head.head) > 0 ? 'future' : 'trimmed', [], head);
    }
    if (first.position === after) rows.shift();
    else if (first.previous !== after) {
      const life = first.life;
      const isForeign = life !== undefined && comparePositions(after, life) < 0;
      return lost(isForeign ? 'foreign' : 'trimmed', rows, undefined);
    }
    const next = rows[0];
    if (next && next.event && next.previous !== after) return lost('trimmed', rows, undefined);
    return found(rows.slice(0, contiguous(rows)));
  }

  /** @returns whether this node is the channel's producer now */
  async acquire(
    stream: string,
    token: string,
    lastWords: readonly SseBackplaneEvent[],
    { maxEvents, maxBytes, maxAgeMs }: SsePublishSettings['history'],
  ): Promise<boolean> {
    const { producerTtlMs, idleTtlMs } = this.options;
    const ttlMs = this.ttlOf(maxAgeMs);
    const keep = [maxEvents, maxBytes, maxAgeMs === false ? 0 : maxAgeMs, ttlMs];
    const answer = await this.run(
      ACQUIRE,
      [stream, this.keys.producer(stream)],
      [
        token,
        `${producerTtlMs}`,
        JSON.stringify(lastWords.map(encodeStored)),
        JSON.stringify(keep),
        `${Math.max(idleTtlMs, ttlMs, producerTtlMs * 2)}`,
      ],
    );
    return answer === 1;
  }

  /** @returns whether this node still is the channel's producer */
  async renew(stream: string, token: string): Promise<boolean> {
    return (await this.run(RENEW, [this.keys.producer(stream)], [token, `${this.options.producerTtlMs}`])) === 1;
  }

  async release(stream: string, token: string): Promise<void> {
    await this.run(RELEASE, [this.keys.producer(stream)], [token]);
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
    const [rows, ...head] = answer as [unknown[], string?, number?, number?];
    return { rows: rows.map(parseRow), head: headOf(head) };
  }

  private run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const [stream = ''] = keys;
    const tail = [`${keys.length}`, ...keys, ...args];
    const call = (): Promise<unknown> =>
      this.link.send(stream, ['EVALSHA', script.sha, ...tail]).catch((error: Error) => {
        if (!(error.cause instanceof Error) || !error.cause.message.startsWith('NOSCRIPT')) throw error;
        const retried = this.link.send(stream, ['EVAL', script.text, ...tail]);
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

function headOf([head, ended, bare]: [string?, number?, number?]): ChannelHead | undefined {
  return head === undefined ? undefined : { head, isEnded: ended === 1, isBare: bare === 1 };
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
