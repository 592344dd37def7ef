import {
  functionOption,
  integerOption,
  integerOptionOrFalse,
  invalidOption,
  knownOptions,
  MAX_TIMER_MS,
  type OptionNames,
} from '../protocol/check-option.js';
import { typeText } from '../protocol/event-fields.js';
import type { SseHistoryOptions } from '../protocol/history-limits.js';
import { namePattern } from './name-pattern.js';
import type { SseStoredEvent } from '../protocol/sse-stored-event.js';

/**
 * What happens to a client that is so slow that the history has moved past it. `'skip'`: it gets a gap event and goes on with
 * the newest events. `'disconnect'`: its connection is cut. `{ latest }`: of what it missed, it gets the newest event of each
 * key; events whose key is `undefined` are kept as long as the history keeps them.
 */
export type SseSlowClient =
  'skip' | 'disconnect' | { readonly latest: (event: SseStoredEvent) => string | number | undefined };

/** Options for the channels whose names match. */
export interface SseChannelRule {
  /** A name of a channel; `*` stands for any characters. The first rule that matches counts. */
  readonly match: string;
  readonly history?: Partial<SseHistoryOptions>;
  readonly slowClient?: SseSlowClient;
}

/** The options of channels, as users give them. */
export interface SseChannelOptions {
  /** What is kept of each channel, for clients that come back and for slow ones. */
  history?: Partial<SseHistoryOptions>;
  /** @default 'skip' */
  slowClient?: SseSlowClient;
  /** The type of the event that announces a gap, where `gapEvent` does not make another one. @default 'gap' */
  gapType?: string;
  /**
   * How many channels this node may know: those that are read here, and those whose events it keeps. One more is refused, so that
   * names that come from clients cannot fill the memory. @default 100_000
   */
  maxChannels?: number;
  /** Options for some channels, e.g. `[{ match: 'ticker.*', history: { maxEvents: 10 } }]`. @default [] */
  channels?: readonly SseChannelRule[];
}

/** What holds for one channel. */
export interface ChannelSettings {
  readonly history: SseHistoryOptions;
  readonly slowClient: SseSlowClient;
}

/** @internal */
export interface ChannelOptions extends ChannelSettings {
  readonly gapType: string;
  readonly maxChannels: number;
  readonly rules: readonly { readonly matches: (name: string) => boolean; readonly settings: ChannelSettings }[];
}

/** @internal */
export const CHANNEL_OPTION_NAMES: OptionNames<SseChannelOptions> = {
  history: true,
  slowClient: true,
  gapType: true,
  maxChannels: true,
  channels: true,
};
const RULE_OPTION_NAMES: OptionNames<SseChannelRule> = { match: true, history: true, slowClient: true };
const HISTORY_OPTION_NAMES: OptionNames<SseHistoryOptions> = { maxEvents: true, maxBytes: true, maxAgeMs: true };

const DEFAULTS: ChannelOptions = {
  history: { maxEvents: 1_000, maxBytes: 16_777_216, maxAgeMs: 300_000 },
  slowClient: 'skip',
  gapType: 'gap',
  maxChannels: 100_000,
  rules: [],
};

/**
 * @throws {SseError} `SSE_INVALID_OPTION`
 * @internal
 */
export function resolveChannelOptions({
  history,
  slowClient,
  gapType,
  maxChannels = DEFAULTS.maxChannels,
  channels,
}: SseChannelOptions): ChannelOptions {
  const base = resolveSettings('', DEFAULTS, { history, slowClient });
  return Object.freeze({
    ...base,
    gapType: gapType === undefined ? DEFAULTS.gapType : (typeText(gapType, undefined) ?? DEFAULTS.gapType),
    maxChannels: integerOption('maxChannels', maxChannels, 1),
    rules: (channels ?? []).map((rule, index) => {
      const name = `channels[${index}]`;
      knownOptions(name, rule, RULE_OPTION_NAMES);
      if (typeof rule.match !== 'string' || rule.match === '') {
        throw invalidOption(`${name}.match`, rule.match, "a channel's name, in which * stands for any characters");
      }
      return { matches: namePattern(rule.match), settings: resolveSettings(`${name}.`, base, rule) };
    }),
  });
}

/** What holds for the channel `name`. */
export function settingsOf(options: ChannelOptions, name: string): ChannelSettings {
  return options.rules.find(({ matches }) => matches(name))?.settings ?? options;
}

function resolveSettings(
  prefix: string,
  base: ChannelSettings,
  { history = {}, slowClient }: Partial<Pick<SseChannelRule, 'history' | 'slowClient'>>,
): ChannelSettings {
  const {
    maxEvents = base.history.maxEvents,
    maxBytes = base.history.maxBytes,
    maxAgeMs = base.history.maxAgeMs,
  } = knownOptions(`${prefix}history`, history, HISTORY_OPTION_NAMES);
  return Object.freeze({
    history: Object.freeze({
      maxEvents: integerOption(`${prefix}history.maxEvents`, maxEvents, 0),
      maxBytes: integerOption(`${prefix}history.maxBytes`, maxBytes, 0),
      maxAgeMs: integerOptionOrFalse(`${prefix}history.maxAgeMs`, maxAgeMs, 0, MAX_TIMER_MS),
    }),
    slowClient: slowClient === undefined ? base.slowClient : checkSlowClient(`${prefix}slowClient`, slowClient),
  });
}

function checkSlowClient(name: string, value: SseSlowClient): SseSlowClient {
  if (value === 'skip' || value === 'disconnect') return value;
  if (typeof value === 'object' && value !== null) {
    functionOption(`${name}.latest`, value.latest);
    return knownOptions(name, value, { latest: true });
  }
  throw invalidOption(name, value, `'skip', 'disconnect', { latest: (event) => key }`);
}
