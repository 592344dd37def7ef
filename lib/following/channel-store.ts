import type { SseBackplaneEntry, SseBackplaneEvent } from '../backplane/backplane.js';

/**
 * An entry as a store has it, with what tells whether something is missing before it.
 *
 * @internal
 */
export interface StoredEntry {
  readonly position: string;
  /** The entry before it in its life; for the first of a life its base, which no entry has. */
  readonly previous: string;
  /** For the first entry of a life that was begun on purpose: the last of the life before. */
  readonly from: string | undefined;
  /** The base of its life. `undefined` where a notification does not say it. */
  readonly life: string | undefined;
  /** Whether no event of its life was before it. Only known of what was read. */
  readonly isFirst?: boolean;
  /** `undefined` when what is stored is no event of ours. */
  readonly event: SseBackplaneEvent | undefined;
}

/** An entry that can be read: the only ones that are given to listeners and readers. @internal */
export type WholeEntry = StoredEntry & { readonly event: SseBackplaneEvent };

/** @internal */
export function isWhole(entry: StoredEntry): entry is WholeEntry {
  return entry.event !== undefined;
}

/** @internal */
export function toBackplaneEntry({ position, previous, event }: WholeEntry): SseBackplaneEntry {
  return { position, previous, event };
}

/** @internal */
export interface ChannelHead {
  readonly head: string;
  readonly isEnded: boolean;
  /** Whether it has never had an event: then every other position is from before it. */
  readonly isBare: boolean;
}

/** How much is read at once. @internal */
export interface PageBounds {
  /** Entries, 1 or more. */
  readonly limit: number;
  /** Bytes of events; the first entry may be larger. `undefined`: no bound. */
  readonly maxBytes?: number | undefined;
}

/** What a store has, oldest first. @internal */
export interface StoredRange {
  readonly entries: StoredEntry[];
  /** When there are no entries: the head of the channel, if there is a channel. */
  readonly head: ChannelHead | undefined;
}

/**
 * The positions that a store gives.
 *
 * @internal
 */
export interface PositionOrder {
  /** Whether the text has the form of a position. Only such a text of a client is given to the store. */
  readonly isPosition: (text: string) => boolean;
  /** Negative when `a` was stored before `b`. The order holds over all lives of a channel. */
  readonly compare: (a: string, b: string) => number;
  /**
   * The part of a position that is no secret, as a number that grows: when it was stored, say. The reason of a gap is
   * found by it alone, so that nobody can find out a position by asking for parts of it.
   */
  readonly timeOf: (position: string) => number;
}

/**
 * The commands of a broker that a channel is followed and read by. A channel is named as the store names it. Each command is
 * one step for the store, and rejects within bounded time when the store is away.
 *
 * @internal
 */
export interface ChannelStore {
  readonly order: PositionOrder;

  /**
   * Where the channel stands. Whoever watches a channel asks this now and then, so the store does its housekeeping here:
   * - a channel that is not there is made, with a base that nobody has had;
   * - one that is older than `known` has lost its end: a new life begins, behind `known`;
   * - one whose producer counts as dead is ended, with its last words;
   * - it does not expire for a while.
   *
   * @param known the newest position that this node has seen. The answer is never older.
   */
  look(channel: string, known?: string): Promise<ChannelHead>;

  /**
   * The entry at `position` if it is there, and what is stored after it. The entry at `position` does not count for the
   * bounds. At least one entry that counts, if there is one.
   */
  from(channel: string, position: string, bounds: PageBounds): Promise<StoredRange>;

  /**
   * The oldest entries that are kept, and not too old by the clock of the store.
   *
   * @param beyond only those after this one, which is stored and cannot be read
   */
  oldest(channel: string, beyond: string | undefined, bounds: PageBounds): Promise<StoredRange>;

  /**
   * The store has lost the end of what is known, and somebody who did not know it stored on: nothing in the store says that
   * something is missing. Makes the loss visible: drops all up to the first entry after `known`, and appends an entry that nobody
   * can read.
   *
   * @returns whether something has changed: `false` when there is no such break (any more), and in a store that loses nothing
   */
  break(channel: string, known: string): Promise<boolean>;

  /** Whether a command failed because something else than a channel is stored under this name. */
  isUnreadable(error: unknown): boolean;
}
