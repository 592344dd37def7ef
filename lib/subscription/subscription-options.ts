import type { SseConnection } from '../connection/sse-connection.js';
import { functionOption, integerOption, invalidOption, MAX_TIMER_MS } from '../protocol/check-option.js';
import { SseError } from '../protocol/sse-error.js';
import type { SseChannelRef, SseEventOf, SseStoredEventOf } from '../channel/define-channel.js';
import type { SseFrom } from '../replay/channel-cursor.js';
import { MAX_CHANNELS } from '../channel/position-vector.js';
import type { SnapshotPlan } from '../replay/snapshot-loads.js';

const FROM = "'live', 'earliest', { position: id }, or { time } in milliseconds since 1970 or as a Date";

/** Makes the state that a client starts from. An event without an id: the channel gives ids. */
export type SseSnapshotLoader<Channel extends SseChannelRef = string> = () =>
  SseEventOf<Channel> | Promise<SseEventOf<Channel>>;

/**
 * A snapshot that is the same for all who subscribe to the same channels: those who need it at the same moment get it from
 * one call.
 */
export interface SseSharedSnapshot<Channel extends SseChannelRef = string> {
  readonly load: SseSnapshotLoader<Channel>;
  /**
   * Names all that it depends on beside the channels, the user or the tenant say: those with the same key get the same
   * one. It has no default, since a state that is made for one user must not reach another.
   */
  readonly key: string;
  /** How long after it was made it is still given to others, in milliseconds. What came since follows it. @default 0 */
  readonly shareForMs?: number;
}

/** What one subscription decides. */
export interface SseSubscribeOptions<Channel extends SseChannelRef = string> {
  /**
   * Where a client begins in a channel that its id says nothing of: because it brings none, or because the channel was
   * added while it was away. With what comes (`'live'`), with the oldest event that is kept (`'earliest'`), behind an
   * event (`{ position: id }`), or with what was published since a moment (`{ time }`). A function says it for each channel.
   *
   * @default 'live'
   */
  from?: SseFrom | ((channel: string) => SseFrom);
  /**
   * Makes the state that a client starts from: called for a client without an id, and after a gap. What is published
   * while it is being made is kept for the client, up to `buffer.maxBytes` beyond the history, and sent after it, so that
   * nothing falls in between.
   */
  snapshot?: SseSnapshotLoader<Channel> | SseSharedSnapshot<Channel>;
  /**
   * Whether the client gets an event. It sees the event as it is stored, the same on every node. What is left out still
   * moves the client's position.
   */
  filter?: (event: SseStoredEventOf<Channel>) => boolean;
  /**
   * Told of each connection that starts to be fed. What it returns is not used, and a promise not waited for; a failure,
   * also of its promise, ends the stream.
   */
  onSubscribe?: (connection: SseConnection) => unknown;
  /** Told, once, of each of them that is fed no longer. A failure is logged. */
  onUnsubscribe?: (connection: SseConnection) => unknown;
}

/** A subscription, with nothing left out. */
export interface SubscriptionPlan extends Omit<SseSubscribeOptions, 'from' | 'snapshot'> {
  readonly names: readonly string[];
  readonly fromOf: (channel: string) => SseFrom;
  readonly snapshot: SnapshotPlan | undefined;
  /** The type of the event that announces a gap. */
  readonly gapType: string;
}

/** What a joining channel may differ in. */
export interface SseJoinOptions {
  /** Where the clients begin in the channel. @default 'live' */
  from?: SseFrom;
}

/** @throws {SseError} `SSE_INVALID_OPTION` */
export function checkFrom(name: string, from: SseFrom): SseFrom {
  if (from === 'live' || from === 'earliest') return from;
  if (typeof from !== 'object' || from === null) throw invalidOption(name, from, FROM);
  if ('position' in from && typeof from.position === 'string') return { position: from.position };
  if ('time' in from && (typeof from.time === 'number' || from.time instanceof Date)) {
    // Whole milliseconds, and a copy: a date can be changed.
    const time = Math.floor(Number(from.time));
    if (Number.isSafeInteger(time) && time >= 0) return { time };
  }
  throw invalidOption(name, from, FROM);
}

/** Where clients begin in each channel. */
export function resolveFrom(from: SseSubscribeOptions['from'] = 'live'): (channel: string) => SseFrom {
  if (typeof from === 'function') return (channel) => checkFrom('from', from(channel));
  const checked = checkFrom('from', from);
  return () => checked;
}

/** @throws {SseError} `SSE_INVALID_OPTION` */
export function resolveSnapshot(snapshot: SseSubscribeOptions['snapshot']): SnapshotPlan | undefined {
  if (snapshot === undefined) return undefined;
  if (typeof snapshot === 'function') return { load: snapshot, key: undefined, shareForMs: 0 };
  if (typeof snapshot !== 'object' || snapshot === null) {
    throw invalidOption('snapshot', snapshot, 'a function, or { load, key, shareForMs }');
  }
  const { load, key, shareForMs = 0 } = snapshot;
  functionOption('snapshot.load', load);
  if (typeof key !== 'string')
    throw invalidOption(
      'snapshot.key',
      key,
      "a string that names what the state depends on: '' for nothing but the channels",
    );
  return { load, key, shareForMs: integerOption('snapshot.shareForMs', shareForMs, 0, MAX_TIMER_MS) };
}

/** @throws {SseError} `SSE_INVALID_CHANNEL` */
export function checkChannelCount(count: number): void {
  if (count > 0 && count <= MAX_CHANNELS) return;
  throw new SseError(
    'SSE_INVALID_CHANNEL',
    `A subscription is to ${count} channels. Use 1 to ${MAX_CHANNELS}: the id, with a position for each, must fit a request header.`,
    { value: count },
  );
}
