import { functionOption, integerOption, invalidOption, MAX_TIMER_MS } from '../protocol/check-option.js';
import { SseError } from '../protocol/sse-error.js';
import type { SseFrom } from './place.js';
import { MAX_CHANNELS } from './position-vector.js';
import type { SnapshotPlan } from './snapshot-loads.js';
import type { SseSubscribeOptions } from './sse-subscription.js';

const FROM = "'live', 'earliest', { position: id }, or { time } in milliseconds since 1970 or as a Date";

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
