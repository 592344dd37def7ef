import type { SseHistoryOptions } from '../protocol/history-limits.js';
import type { SseGapReason } from '../protocol/gap-reason.js';

/**
 * An event as it is stored: text only, and checked, so that every node makes the same bytes of it.
 *
 * @publicApi
 */
export interface SseBackplaneEvent {
  /**
   * `event`: for the clients. `start`: a new life of the channel begins, and what was stored before is gone. `end`: this life
   * is over; an event after it begins the next one.
   */
  readonly kind: 'event' | 'start' | 'end';
  readonly type?: string | undefined;
  /** The data as text, serialised. The data of a `start` is for the engine; store it as it is. */
  readonly data?: string | undefined;
  readonly retry?: number | undefined;
  readonly comment?: string | undefined;
}

/**
 * A stored event and its position.
 *
 * @publicApi
 */
export interface SseBackplaneEntry {
  /**
   * Where it stands in its channel: 1 to 64 of the characters `A-Z a-z 0-9 _ -`, not only digits, never given twice. Only the
   * backplane knows what it means. The rest of the library compares positions for equality and nothing else.
   */
  readonly position: string;
  /**
   * The position before it in the same life. For the first entry of a life it is the position of a client that has seen
   * nothing of that life yet, or `undefined` when the backplane has none.
   */
  readonly previous: string | undefined;
  readonly event: SseBackplaneEvent;
}

/**
 * What a backplane calls when something happens in a channel. The engine implements it. None of its methods throws.
 *
 * @publicApi
 */
export interface SseBackplaneListener {
  /**
   * The first call, once. From now on `entry()` tells everything that comes after `head`.
   *
   * @param head the position of the newest entry, or of an empty channel's beginning; `undefined` if there is none
   * @param isEnded whether the newest entry is an `end`
   */
  ready(head: string | undefined, isEnded: boolean): void;

  /** The next entry: in the store's order, each exactly once, whoever published it. */
  entry(entry: SseBackplaneEntry): void;

  /**
   * Entries may have been lost between the last one that was told and `head`. The next entry is the one after `head`. Readers
   * ask `read()` whether something is missing for them.
   */
  gap(reason: SseGapReason, head: string | undefined): void;
}

/** @publicApi */
export interface SseBackplaneSubscription {
  /** From this call on the listener is told nothing. A second call has no effect. */
  close(): void;
}

/** @publicApi */
export interface SsePublishSettings {
  /**
   * How much of the channel to keep. `isWhole`: drop nothing of this life while its newest entry is younger than `maxAgeMs`;
   * after that all of it may be dropped. The engine bounds its size.
   */
  readonly history: SseHistoryOptions & { readonly isWhole?: boolean };
  /** Names this publish: see {@link SseIdempotentBackplane}. */
  readonly key?: string | undefined;
  /**
   * Call it when the key is known already, before `publish()` answers: with the event that was stored first, or with `undefined`
   * when that event is not kept any more, or is only in the channel's log. A backplane may leave the call out. Then the engine
   * looks in the log, and assumes that the caller has published the same event again.
   */
  readonly onKnown?: ((stored: SseBackplaneEvent | undefined) => void) | undefined;
}

/**
 * What `read()` found: the entries directly after the position that was asked for, or the reason why there is no answer.
 *
 * @publicApi
 */
export interface SseBackplanePage {
  /** Oldest first. An empty list means that there are no more entries now. A short list does not: the bytes may have been enough. */
  readonly entries: readonly SseBackplaneEntry[];
  /** Set when `after` does not exist. Then `entries` is empty. */
  readonly gap?: SseGapReason | undefined;
  /**
   * Set in the answer to a call without `after`: whether an event of the same life was before these entries and is gone. A
   * `start` alone does not count.
   */
  readonly isTrimmed?: boolean | undefined;
}

/**
 * Stores and orders published events, and carries them between nodes. Extend it for another broker.
 *
 * Store first, deliver only from the reader. Then the publishing node gets its own events on the same path and in the same order
 * as every other node, once. Each channel has one order. There is none between channels.
 *
 * `backplaneContract` in `nestjs-event-stream/backplane-testing` tests all that is promised here.
 *
 * @publicApi
 */
export abstract class SseBackplane {
  /**
   * Whether what was published can be read back. `false` for one that only orders: then the log of each channel is the
   * only store, the engine subscribes to a channel before it publishes to it, and `read()` finds nothing.
   */
  abstract readonly retains: boolean;

  /**
   * Stores an event at the end of a channel. The events that one caller publishes are stored in the order of the calls,
   * without waiting for each other.
   *
   * The outcome is known within bounded time: an `SseError` `SSE_BACKPLANE_UNAVAILABLE` instead of an endless wait. After
   * that error the event may still have been stored; a caller that tries again gives the same `key`.
   *
   * An event after an `end`, or a `start`, begins a new life: what was stored before is gone, and positions of the life
   * before are answered with a gap. An `end` after an `end` is none: nothing is stored, and its position is the first one's.
   *
   * @returns the event's position. At once, not as a promise, only if the listeners have been told of it already.
   */
  abstract publish(channel: string, event: SseBackplaneEvent, settings: SsePublishSettings): string | Promise<string>;

  /**
   * Tells `listener` what happens in a channel. The channel need not exist. Several listeners to one channel, also in one
   * process, are told the same in the same order.
   *
   * While the store is away nothing is told; when it is back, what was missed is told in order, or `gap()`.
   */
  abstract subscribe(channel: string, listener: SseBackplaneListener): SseBackplaneSubscription;

  /**
   * The entries that follow `after`, or the oldest ones that are kept.
   *
   * A position comes from a client: it may be anything of its alphabet, and must never reach a command of the store as
   * anything but a value. When the entry at `after` does not exist any more, the answer is a gap, never a later range: the
   * store can not tell then whether something is missing in between. A position just behind which nothing was dropped is
   * not a gap, also when its own entry was: the head of a channel that keeps nothing, say.
   *
   * Rejects with `SSE_BACKPLANE_UNAVAILABLE` within bounded time when the store is away.
   *
   * A page has at least one entry if there is one. It ends before the entry with which it would have more than `limit`
   * entries, or more than `maxBytes`.
   *
   * @param after `undefined`: from the oldest entry that is kept
   * @param limit at most so many entries, 1 or more
   * @param maxBytes at most so many bytes of events together, unless the first one alone is larger. What counts is their
   *   text in UTF-8; a backplane may count what it adds to it. `undefined`: no bound
   */
  abstract read(
    channel: string,
    after: string | undefined,
    limit: number,
    maxBytes?: number,
  ): Promise<SseBackplanePage>;

  /** Lets go of everything. Never rejects; later calls of `publish()` and `read()` reject with `SSE_CLOSED`. Idempotent. */
  abstract close(): Promise<void>;
}
