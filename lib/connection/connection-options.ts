import {
  functionOption,
  integerOption,
  integerOptionOrFalse,
  invalidOption,
  knownOptions,
  MAX_TIMER_MS,
  oneOf,
  type OptionNames,
} from '../protocol/check-option.js';
import {
  defaultGapEvent,
  resolveClientEvents,
  type ClientEvents,
  type SseClientEventOptions,
} from '../protocol/client-events.js';
import type { Encoding } from '../protocol/encoding.js';
import { lineEndingEncoding, type LineEnding } from '../protocol/line-ending.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import type { SseRequest } from './sse-connection.js';
import type { SseEventLike, SseValuesAs } from '../protocol/sse-event-like.js';

/** Names what an event is about; of events with the same key only the newest is kept. `undefined`: always kept. */
export type SseEventKey = (event: SseEventInit) => string | number | undefined;

/**
 * What happens when a source that cannot wait (an Observable, `SseConnection.send()`) has an event and the buffer of its client
 * is full. `'disconnect'`: the connection is cut. `'dropOldest'`: the oldest waiting events are dropped. `'dropNewest'`: the new
 * event is dropped. `{ latest }`: only the newest event of each key waits, and the connection is cut when even these are too many.
 */
export type SseOverflow = 'disconnect' | 'dropOldest' | 'dropNewest' | { readonly latest: SseEventKey };

/** The buffer between a source that cannot wait and a client that does not read. */
export interface SseBufferOptions {
  /**
   * How many bytes may wait for one client, beyond what the socket itself holds: those of the events, and 90 for each. What is emitted within one turn of the event loop
   * is taken whatever its size, because no client can read anything in that time. A single event may be larger when nothing
   * else waits.
   *
   * @default 1_048_576
   */
  readonly maxBytes: number;
  /** @default 'disconnect' */
  readonly overflow: SseOverflow;
}

/** What is sent to a client that has heard nothing for a while. It keeps proxies from closing the connection. */
export interface SsePingOptions {
  /**
   * The longest silence, in milliseconds: then a ping is sent. It may leave up to an eighth of that time early, and no more than
   * one second. Choose less than every idle timeout between the server and the client; that of nginx is 60 s.
   *
   * @default 15_000
   */
  readonly intervalMs: number;
  /** Makes the ping. @default an empty comment, which clients do not see */
  readonly event: (() => SseEventLike) | undefined;
}

/**
 * How one connection is written.
 *
 * @internal
 */
export interface ConnectionOptions extends ClientEvents {
  /** Taken when the headers are sent. */
  readonly encoding: Encoding;
  readonly serialize: (data: unknown) => string;
  readonly retryMs: number | false;
  readonly writeTimeoutMs: number | false;
  readonly buffer: SseBufferOptions;
  readonly ping: SsePingOptions | false;
  readonly maxLifetimeMs: number | false;
  readonly authorize: SseAuthorize | undefined;
  readonly as: SseValuesAs;
}

/** Whether the client of a request may read a channel. */
export type SseAuthorize = (channel: string, request: SseRequest) => boolean | Promise<boolean>;

/** The same as users give it: what is left out is taken from what it overrides. */
export interface SseConnectionOptions extends SseClientEventOptions {
  /** What ends a line on the wire. It cannot change after the headers are sent. @default '\n' */
  lineEnding?: LineEnding;
  /** Turns `data` that is not a string into text. @default JSON.stringify */
  serialize?: (data: unknown) => string;
  /** A `retry:` field, in milliseconds, sent when a stream opens. `false`: none. @default false */
  retryMs?: number | false;
  /** The connection is cut when pending bytes make no progress for so long, in milliseconds. `false`: never. @default 30_000 */
  writeTimeoutMs?: number | false;
  buffer?: Partial<SseBufferOptions>;
  /** `false`: no pings. */
  ping?: Partial<SsePingOptions> | false;
  /**
   * A stream ends cleanly after so long, in milliseconds, or up to a fifth earlier: then clients that came together do not come
   * back together, and they spread over your nodes again. Its client resumes where it was. `false`: never.
   *
   * @default false
   */
  maxLifetimeMs?: number | false;
  /**
   * Whether a client may read a channel. It is asked for each channel of a subscription, and for each that joins later. Only `true` says
   * so: otherwise the request is answered 403, and a channel that joins later is left out.
   *
   * @default every channel that a handler subscribes to
   */
  authorize?(this: void, channel: string, request: SseRequest): boolean | Promise<boolean>;
  /**
   * What the values of a source are. `'event'`: an object is an event, and must have no other keys than an event has.
   * `'data'`: every value is data, also one with a `type` or an `id` of its own, such as a chunk of an SDK or a row of a table.
   * Only an `SseEvent` is an event then.
   *
   * @default 'event'
   */
  as?: SseValuesAs;
}

/** @internal */
export const CONNECTION_DEFAULTS: ConnectionOptions = Object.freeze({
  encoding: lineEndingEncoding('\n'),
  serialize: JSON.stringify,
  retryMs: false,
  writeTimeoutMs: 30_000,
  buffer: Object.freeze({ maxBytes: 1_048_576, overflow: 'disconnect' }),
  ping: Object.freeze({ intervalMs: 15_000, event: undefined }),
  maxLifetimeMs: false,
  authorize: undefined,
  as: 'event',
  // Of an error it shows nothing: what may be shown, only the Nest edge knows.
  errorEvent: () => null,
  gapEvent: defaultGapEvent('gap'),
});

/** @internal */
export const CONNECTION_OPTION_NAMES: OptionNames<SseConnectionOptions> = {
  lineEnding: true,
  serialize: true,
  retryMs: true,
  writeTimeoutMs: true,
  buffer: true,
  ping: true,
  maxLifetimeMs: true,
  authorize: true,
  as: true,
  errorEvent: true,
  gapEvent: true,
};
const BUFFER_OPTION_NAMES: OptionNames<SseBufferOptions> = { maxBytes: true, overflow: true };
const PING_OPTION_NAMES: OptionNames<SsePingOptions> = { intervalMs: true, event: true };

const LINE_ENDINGS = ['\n', '\r\n', '\r'] as const;

/**
 * What `overrides` leave out is taken from `base`.
 *
 * @throws {SseError} `SSE_INVALID_OPTION`
 * @internal
 */
export function resolveConnectionOptions(base: ConnectionOptions, overrides: SseConnectionOptions): ConnectionOptions {
  const { lineEnding, serialize, retryMs, writeTimeoutMs, buffer, ping, maxLifetimeMs, authorize, as } = overrides;
  return {
    ...resolveClientEvents(base, overrides),
    encoding:
      lineEnding === undefined ? base.encoding : lineEndingEncoding(oneOf('lineEnding', lineEnding, LINE_ENDINGS)),
    serialize: serialize === undefined ? base.serialize : functionOption('serialize', serialize),
    retryMs: retryMs === undefined ? base.retryMs : integerOptionOrFalse('retryMs', retryMs, 0, MAX_TIMER_MS),
    writeTimeoutMs:
      writeTimeoutMs === undefined
        ? base.writeTimeoutMs
        : integerOptionOrFalse('writeTimeoutMs', writeTimeoutMs, 1, MAX_TIMER_MS),
    buffer: buffer === undefined ? base.buffer : resolveBuffer(base.buffer, buffer),
    ping: ping === undefined ? base.ping : resolvePing(base.ping, ping),
    maxLifetimeMs:
      maxLifetimeMs === undefined
        ? base.maxLifetimeMs
        : integerOptionOrFalse('maxLifetimeMs', maxLifetimeMs, 1, MAX_TIMER_MS),
    authorize: authorize === undefined ? base.authorize : functionOption('authorize', authorize),
    as: as === undefined ? base.as : oneOf('as', as, ['event', 'data'] as const),
  };
}

function resolveBuffer(base: SseBufferOptions, buffer: Partial<SseBufferOptions>): SseBufferOptions {
  const { maxBytes, overflow } = knownOptions('buffer', buffer, BUFFER_OPTION_NAMES);
  return Object.freeze({
    maxBytes: maxBytes === undefined ? base.maxBytes : integerOption('buffer.maxBytes', maxBytes, 1),
    overflow: overflow === undefined ? base.overflow : checkOverflow(overflow),
  });
}

function checkOverflow(overflow: SseOverflow): SseOverflow {
  if (typeof overflow === 'string') {
    return oneOf('buffer.overflow', overflow, ['disconnect', 'dropOldest', 'dropNewest'] as const);
  }
  if (typeof overflow?.latest === 'function') return knownOptions('buffer.overflow', overflow, { latest: true });
  throw invalidOption(
    'buffer.overflow',
    overflow,
    `'disconnect', 'dropOldest', 'dropNewest', { latest: (event) => key }`,
  );
}

function resolvePing(base: SsePingOptions | false, ping: Partial<SsePingOptions> | false): SsePingOptions | false {
  if (ping === false) return false;
  knownOptions('ping', ping, PING_OPTION_NAMES);
  const { intervalMs, event } = base === false ? (CONNECTION_DEFAULTS.ping as SsePingOptions) : base;
  return Object.freeze({
    intervalMs:
      ping.intervalMs === undefined ? intervalMs : integerOption('ping.intervalMs', ping.intervalMs, 1, MAX_TIMER_MS),
    event: ping.event === undefined ? event : functionOption('ping.event', ping.event),
  });
}
