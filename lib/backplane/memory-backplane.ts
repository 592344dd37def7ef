import { applicationClosed } from './application-closed.js';
import type { SseIdempotentBackplane } from './abilities.js';
import {
  SseBackplane,
  type SseBackplaneEntry,
  type SseBackplaneEvent,
  type SseBackplaneListener,
  type SseBackplanePage,
  type SseBackplaneSubscription,
  type SsePublishSettings,
} from './backplane.js';
import { Beginnings } from './beginnings.js';
import type { SseGapReason } from '../protocol/gap-reason.js';
import { RandomText } from './random-text.js';

/** Characters of an epoch: lives of a channel that one client may meet are few, so that 36 bits never repeat. */
const EPOCH_LENGTH = 6;

/** Characters of a seal: 36 bits, which nobody guesses by asking. Every one of them goes to every client. */
const SEAL_LENGTH = 6;

const POSITION = /^([A-Za-z0-9]{6})-(0|[1-9][0-9]{0,15}?)[A-Za-z0-9]{6}$/;

/** A life of a channel, from its first listener (or its start) to its last (or the start of the next). */
interface Life {
  epoch: string;
  count: number;
  head: string;
  /** Whether nothing was published in it, nor in one before it that a listener of it has seen. */
  isFresh: boolean;
  isEnded: boolean;
  readonly listeners: Set<SseBackplaneListener>;
  /** Positions by publish key, oldest first; made when the first key comes. */
  keys: Map<string, string> | undefined;
  /** Entries that listeners published while being told of another. */
  waiting: SseBackplaneEntry[] | undefined;
}

/**
 * The default backplane: this process is the only node, and the log of each channel is the store. All it does is mint
 * positions and pass events on, at once.
 *
 * A position is `<epoch>-<count><seal>`. The epoch is random for each life of a channel, so that a position from before a
 * restart, or from before the channel expired, is never taken for one of this life's. The seal is random for each event: who
 * knows one position cannot make another, and read what was published before it came. A log compares whole positions.
 */
export class MemoryBackplane extends SseBackplane implements SseIdempotentBackplane {
  readonly retains = false;
  readonly isIdempotent = true;

  private readonly lives = new Map<string, Life>();
  private readonly beginnings = new Beginnings();
  private readonly random = new RandomText();
  private isClosed = false;

  publish(channel: string, event: SseBackplaneEvent, settings: SsePublishSettings): string | Promise<string> {
    const { history, key } = settings;
    if (this.isClosed) return Promise.reject(applicationClosed());
    // A channel without listeners has no life: what nobody stores has a position, and that is all.
    const life = this.lives.get(channel) ?? this.lost(channel);
    const known = key === undefined ? undefined : life.keys?.get(key);
    if (known !== undefined) {
      // The log has it, or nobody.
      settings.onKnown?.(undefined);
      return known;
    }
    if (event.kind === 'end' && life.isEnded) return life.head;
    if (event.kind === 'start' || life.isEnded) this.begin(life);
    const previous = life.head;
    const position = `${life.epoch}-${++life.count}${this.random.next(SEAL_LENGTH)}`;
    life.isFresh = false;
    life.head = position;
    life.isEnded = event.kind === 'end';
    if (key !== undefined) remember(life, key, position, history.maxEvents);
    tell(life, { position, previous, event });
    return position;
  }

  subscribe(channel: string, listener: SseBackplaneListener): SseBackplaneSubscription {
    let life = this.lives.get(channel);
    if (!life) this.lives.set(channel, (life = this.fresh(channel)));
    const known = life;
    const { listeners } = known;
    listeners.add(listener);
    listener.ready(life.head, life.isEnded);
    return {
      close: () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        if (this.lives.get(channel) === known) this.lives.delete(channel);
        // The logs were the store.
        if (!known.isFresh) this.beginnings.forget(channel);
      },
    };
  }

  read(channel: string, after: string | undefined, _limit: number): Promise<SseBackplanePage> {
    if (this.isClosed) return Promise.reject(applicationClosed());
    const gap = after === undefined ? undefined : gapAfter(this.lives.get(channel) ?? this.fresh(channel), after);
    return Promise.resolve({ entries: [], gap });
  }

  close(): Promise<void> {
    this.isClosed = true;
    this.lives.clear();
    return Promise.resolve();
  }

  /** The life of a channel in which nothing was published, or nothing that anybody could still know of. */
  private fresh(channel: string): Life {
    const beginning = this.beginnings.of(channel, EPOCH_LENGTH + SEAL_LENGTH);
    const epoch = beginning.slice(0, EPOCH_LENGTH);
    return {
      epoch,
      count: 0,
      head: `${epoch}-0${beginning.slice(EPOCH_LENGTH)}`,
      isFresh: true,
      isEnded: false,
      listeners: new Set(),
      keys: undefined,
      waiting: undefined,
    };
  }

  /** The life of an event that nobody stores: over as soon as it is published. */
  private lost(channel: string): Life {
    const life = this.fresh(channel);
    this.beginnings.forget(channel);
    return life;
  }

  private begin(life: Life): void {
    life.epoch = this.random.next(EPOCH_LENGTH);
    life.count = 0;
    life.head = `${life.epoch}-0${this.random.next(SEAL_LENGTH)}`;
    life.isEnded = false;
    life.keys = undefined;
  }
}

function tell(life: Life, entry: SseBackplaneEntry): void {
  if (life.waiting) {
    // A listener published: the others have yet to be told of the entry before this one.
    life.waiting.push(entry);
    return;
  }
  const waiting: SseBackplaneEntry[] = (life.waiting = []);
  for (const listener of life.listeners) listener.entry(entry);
  // Not `for … of` alone: what is told may publish more.
  for (let i = 0; i < waiting.length; i++) for (const listener of life.listeners) listener.entry(waiting[i]!);
  life.waiting = undefined;
}

function remember(life: Life, key: string, position: string, maxEvents: number): void {
  const keys = (life.keys ??= new Map());
  keys.set(key, position);
  // Even without a history a retry comes soon after: a few are always kept.
  if (keys.size > Math.max(maxEvents, 100)) keys.delete(keys.keys().next().value);
}

/** What is to be said of a position that no log has. */
function gapAfter(life: Life, position: string): SseGapReason | undefined {
  const [, epoch, count] = POSITION.exec(position) ?? [];
  if (epoch === undefined) return 'malformed';
  if (epoch !== life.epoch) return 'foreign';
  if (Number(count) > life.count) return 'future';
  return position === life.head ? undefined : 'trimmed';
}
