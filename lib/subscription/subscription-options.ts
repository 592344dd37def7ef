import type { SseConnection } from '../connection/sse-connection.js';
import {
  functionOption,
  integerOption,
  invalidOption,
  knownOptions,
  MAX_TIMER_MS,
  type OptionNames,
} from '../protocol/check-option.js';
import { eventFactory, type SseGapEventFactory } from '../protocol/client-events.js';
import { SseError } from '../protocol/sse-error.js';
import type { SseChannelRef, SseEventOf, SseStoredEventOf } from '../channel/define-channel.js';
import type { SseFrom } from '../replay/channel-cursor.js';
import type { SseEventLike } from '../protocol/sse-event-like.js';
import { MAX_CHANNELS } from '../channel/position-vector.js';
import type { SnapshotPlan } from '../replay/snapshot-loads.js';

const SUBSCRIBE_OPTION_NAMES: OptionNames<SseSubscribeOptions> = {
  from: true,
  snapshot: true,
  filter: true,
  map: true,
  gapEvent: true,
  onSubscribe: true,
  onUnsubscribe: true,
};
const SNAPSHOT_OPTION_NAMES: OptionNames<SseSharedSnapshot> = { load: true, key: true, shareForMs: true };

/** @internal */
export const JOIN_OPTION_NAMES: OptionNames<SseJoinOptions> = { from: true };

const FROM = "'live', 'earliest', { position: id }, or { time } in milliseconds since 1970 or as a Date";

/** Makes the state that a client starts from: an event without an id, since the channel gives ids. */
export type SseSnapshotLoader<Channel extends SseChannelRef = string> = () =>
  SseEventOf<Channel> | Promise<SseEventOf<Channel>>;

/**
 * A snapshot that is the same for all subscribers of the same channels. It is made once for all clients that need it at the
 * same moment.
 */
export interface SseSharedSnapshot<Channel extends SseChannelRef = string> {
  readonly load: SseSnapshotLoader<Channel>;
  /**
   * Names all that the snapshot depends on beside the channels: the user or the tenant, for example. Clients with the same key get
   * the same snapshot. There is no default, because the state of one user must not reach another.
   */
  readonly key: string;
  /** How long after it was made it is given to other clients, in milliseconds. Newer events follow it. @default 0 */
  readonly shareForMs?: number;
}

/** What one subscription decides. */
export interface SseSubscribeOptions<Channel extends SseChannelRef = string> {
  /**
   * Where a client begins in a channel that its id says nothing about. That is so when it brings no id, and when the channel was
   * added while it was away.
   *
   * `'live'`: with what is published from now on. `'earliest'`: with the oldest event that is kept. `{ position: id }`: after
   * the event with this id. `{ time }`: with what was published since this moment. A function decides for each channel.
   *
   * @default 'live'
   */
  from?: SseFrom | ((channel: string) => SseFrom);
  /**
   * Makes the state that a client starts from. It is called for a client without an id, and after a gap. Events that are published
   * while it runs are kept for the client, up to `buffer.maxBytes` beyond the history, and sent after the snapshot. So nothing
   * is lost between the state and the events.
   */
  snapshot?: SseSnapshotLoader<Channel> | SseSharedSnapshot<Channel>;
  /**
   * Whether the client gets an event. It sees the event as it is stored, which is the same on every node. Events that it leaves
   * out still move the client's position.
   */
  filter?: (event: SseStoredEventOf<Channel>) => boolean;
  /**
   * Makes the event that this client gets of a stored one: its envelope in another protocol, for example. It is asked about each
   * event after `filter`, also about the error event of a production, and not about gaps, snapshots and comments. The new event
   * brings no id: the client's position stays what it is. When it throws, the stream fails.
   */
  map?: (event: SseStoredEventOf<Channel>) => SseEventLike;
  /**
   * Called for each connection that starts to get events. What it returns is not used, and its promise is not awaited. When it
   * throws or its promise rejects, the stream fails.
   */
  onSubscribe?: (connection: SseConnection) => unknown;
  /** Called once for each connection that gets no more events. A failure is logged. */
  onUnsubscribe?: (connection: SseConnection) => unknown;
  /**
   * The event that tells a client that it has missed events. On a typed channel it is one of the channel's events. `null`: none.
   *
   * @default that of the answer, the route or the module
   */
  gapEvent?: SseGapEventFactory<SseEventOf<Channel>> | null;
}

/** A subscription, with nothing left out. */
export interface SubscriptionPlan extends Omit<SseSubscribeOptions, 'from' | 'snapshot' | 'gapEvent'> {
  readonly names: readonly string[];
  readonly fromOf: (channel: string) => SseFrom;
  readonly snapshot: SnapshotPlan | undefined;
  /** `undefined`: that of the connection. */
  readonly gapEvent: SseGapEventFactory | undefined;
}

/** Options for a channel that joins an open stream. */
export interface SseJoinOptions {
  /** Where the clients begin in the channel. @default 'live' */
  from?: SseFrom;
}

/** @throws {SseError} `SSE_INVALID_OPTION` */
export function checkFrom(name: string, from: SseFrom): SseFrom {
  if (from === 'live' || from === 'earliest') return from;
  if (typeof from !== 'object' || from === null) throw invalidOption(name, from, FROM);
  const known: { position?: unknown; time?: unknown } = knownOptions(name, from, { position: true, time: true });
  if (known.position !== undefined && known.time !== undefined) throw invalidOption(name, from, FROM);
  if ('position' in from && typeof from.position === 'string') return { position: from.position };
  if ('time' in from && (typeof from.time === 'number' || from.time instanceof Date)) {
    // Whole milliseconds, and a copy: a date can be changed.
    const time = Math.floor(Number(from.time));
    if (Number.isSafeInteger(time) && time >= 0) return { time };
  }
  throw invalidOption(name, from, FROM);
}

/**
 * Checks the options of a subscription, and fills in the defaults.
 *
 * @throws {SseError} `SSE_INVALID_OPTION`, and `SSE_INVALID_CHANNEL` when there are too many names
 * @internal
 */
export function resolvePlan(names: readonly string[], options: SseSubscribeOptions): SubscriptionPlan {
  checkChannelCount(names.length);
  const { from, snapshot, gapEvent, ...functions } = knownOptions('', options, SUBSCRIBE_OPTION_NAMES);
  for (const [name, value] of Object.entries(functions)) if (value !== undefined) functionOption(name, value);
  return {
    ...functions,
    names,
    fromOf: resolveFrom(from),
    snapshot: resolveSnapshot(snapshot),
    gapEvent: eventFactory('gapEvent', gapEvent),
  };
}

/** Where clients begin in each channel. */
function resolveFrom(from: SseSubscribeOptions['from'] = 'live'): (channel: string) => SseFrom {
  if (typeof from === 'function') return (channel) => checkFrom('from', from(channel));
  const checked = checkFrom('from', from);
  return () => checked;
}

/** @throws {SseError} `SSE_INVALID_OPTION` */
function resolveSnapshot(snapshot: SseSubscribeOptions['snapshot']): SnapshotPlan | undefined {
  if (snapshot === undefined) return undefined;
  if (typeof snapshot === 'function') return { load: snapshot, key: undefined, shareForMs: 0 };
  if (typeof snapshot !== 'object' || snapshot === null) {
    throw invalidOption('snapshot', snapshot, 'a function, or { load, key, shareForMs }');
  }
  const { load, key, shareForMs = 0 } = knownOptions('snapshot', snapshot, SNAPSHOT_OPTION_NAMES);
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
