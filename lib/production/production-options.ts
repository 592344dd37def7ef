import type { SseChannelRef, SseEventOf } from '../channel/define-channel.js';
import {
  functionOption,
  integerOption,
  integerOptionOrFalse,
  knownOptions,
  MAX_TIMER_MS,
  oneOf,
  type OptionNames,
} from '../protocol/check-option.js';
import { eventFactory, type SseErrorEventFactory } from '../protocol/client-events.js';
import type { SseValuesAs } from '../protocol/sse-event-like.js';
import { mergeText, type BatchOptions } from './value-batch.js';

/**
 * Makes few events of many values: an answer of a thousand tokens is stored as some hundred events.
 *
 * @publicApi
 */
export interface SseBatchOptions {
  /**
   * Milliseconds between two events. The first value is stored at once, and so is one that comes after a pause.
   *
   * @default 50
   */
  ms?: number;
  /** So many values become one event at most; then it is stored at once. @default 32 */
  events?: number;
  /**
   * Makes one value of two. `undefined`: they stay apart, and the first of them is stored at once.
   *
   * @default joins strings, and keeps everything else apart
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the values are the source's
  merge?: (a: any, b: any) => unknown;
}

/** The options of one production. */
export interface SseProduceOptions<Channel extends SseChannelRef = string> {
  /**
   * Bytes of events that are kept, with 256 for each beside its text. Whoever comes late reads all of it from its first
   * event, so that one that would be larger fails. @default 16_777_216
   */
  maxBytes?: number;
  /** What the values of the source are: `'data'` makes data of every value. @default that of the module */
  as?: SseValuesAs;
  /**
   * The event that tells of a failure; `null`: none, the channel just ends. `isText`: nothing but strings was stored. On a typed
   * channel it is one of the channel's events.
   *
   * @default that of the module
   */
  errorEvent?: SseErrorEventFactory<SseEventOf<Channel>> | null;
  /** Stores several values as one event. `true`: with the defaults. @default false: each value is an event */
  batch?: SseBatchOptions | boolean;
  /** What goes on for longer fails, in milliseconds. `false`: never. @default that of the module */
  deadlineMs?: number | false;
}

/**
 * What all productions of this node may take, and how long they wait for the store.
 *
 * @publicApi
 */
export interface SseProductionsOptions {
  /** So many run at the same time at most. Another one is refused with `SSE_TOO_MANY_PRODUCTIONS`. @default 10_000 */
  readonly maxProductions: number;
  /** Bytes of events of all that run, counted as each one's are. The one that asks for more fails. @default 268_435_456 */
  readonly maxBytes: number;
  /** What goes on for longer fails, in milliseconds. `false`: never. @default 3_600_000 */
  readonly deadlineMs: number | false;
  /**
   * How long a production waits for a store that is away, in milliseconds. Meanwhile a source that can wait waits; what
   * another one emits is kept, within its `maxBytes`. After that it fails.
   *
   * @default 10_000
   */
  readonly unavailableMs: number;
}

/** The options of one production, with nothing left out. */
export interface ProduceOptions {
  readonly maxBytes: number;
  readonly as: SseValuesAs;
  readonly errorEvent: SseErrorEventFactory;
  readonly batch: BatchOptions | undefined;
  readonly deadlineMs: number | false;
}

const PRODUCTIONS_OPTION_NAMES: OptionNames<SseProductionsOptions> = {
  maxProductions: true,
  maxBytes: true,
  deadlineMs: true,
  unavailableMs: true,
};
const PRODUCE_OPTION_NAMES: OptionNames<SseProduceOptions> = {
  maxBytes: true,
  as: true,
  errorEvent: true,
  batch: true,
  deadlineMs: true,
};
const BATCH_OPTION_NAMES: OptionNames<SseBatchOptions> = { ms: true, events: true, merge: true };

const MAX_BYTES = 16_777_216;
const BATCH_MS = 50;
const BATCH_EVENTS = 32;

/** @throws {SseError} `SSE_INVALID_OPTION` @internal */
export function resolveProductionsOptions(options: Partial<SseProductionsOptions>): SseProductionsOptions {
  const {
    maxProductions = 10_000,
    maxBytes = 268_435_456,
    deadlineMs = 3_600_000,
    unavailableMs = 10_000,
  } = knownOptions('productions', options, PRODUCTIONS_OPTION_NAMES);
  return Object.freeze({
    maxProductions: integerOption('productions.maxProductions', maxProductions, 0),
    maxBytes: integerOption('productions.maxBytes', maxBytes, 1),
    deadlineMs: integerOptionOrFalse('productions.deadlineMs', deadlineMs, 1, MAX_TIMER_MS),
    unavailableMs: integerOption('productions.unavailableMs', unavailableMs, 0, MAX_TIMER_MS),
  });
}

/** @throws {SseError} `SSE_INVALID_OPTION` @internal */
export function resolveProduceOptions(
  options: SseProduceOptions,
  defaults: Pick<ProduceOptions, 'as' | 'errorEvent' | 'deadlineMs'>,
): ProduceOptions {
  const {
    maxBytes = MAX_BYTES,
    as = defaults.as,
    errorEvent,
    batch = false,
    deadlineMs = defaults.deadlineMs,
  } = knownOptions('', options, PRODUCE_OPTION_NAMES);
  return {
    maxBytes: integerOption('maxBytes', maxBytes, 1),
    as: oneOf('as', as, ['event', 'data']),
    errorEvent: eventFactory('errorEvent', errorEvent) ?? defaults.errorEvent,
    batch: batch === false ? undefined : resolveBatch(batch === true ? {} : batch),
    deadlineMs: integerOptionOrFalse('deadlineMs', deadlineMs, 1, MAX_TIMER_MS),
  };
}

function resolveBatch(batch: SseBatchOptions): BatchOptions {
  const { ms = BATCH_MS, events = BATCH_EVENTS, merge = mergeText } = knownOptions('batch', batch, BATCH_OPTION_NAMES);
  return {
    ms: integerOption('batch.ms', ms, 0, MAX_TIMER_MS),
    events: integerOption('batch.events', events, 1),
    merge: functionOption('batch.merge', merge),
  };
}
