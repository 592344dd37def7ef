import {
  integerOption,
  invalidOption,
  invalidSecret,
  knownOptions,
  MAX_TIMER_MS,
  type OptionNames,
} from '../protocol/check-option.js';
import type { SseRedisClient } from './redis-client.js';

/**
 * The options of {@link RedisBackplane}. One of `url` and `client` is needed; durations are in milliseconds.
 *
 * @publicApi
 */
export interface SseRedisOptions {
  /** The URL of one server, as the package `redis` reads it: `redis[s]://[[username][:password]@][host][:port][/db-number]`. */
  readonly url?: string | undefined;
  /**
   * Your own client or cluster client, as a model: the backplane opens its own connections with the same settings
   * (`client.duplicate()`). So your commands and its publishes do not delay each other. Your client need not be connected, and
   * is never closed.
   */
  readonly client?: SseRedisClient | undefined;
  /** What every key begins with. It must not have `{` or `}`: the braces that follow it choose the shard. @default 'sse:' */
  readonly prefix: string;
  /**
   * How long a publish or a read may take before it is given up with `SSE_BACKPLANE_UNAVAILABLE`, and how long a
   * connection may be silent when it owes an answer before it is replaced. @default 5_000
   */
  readonly publishTimeoutMs: number;
  /** How many publishes may wait for an answer; one more fails at once. It bounds the memory while Redis is away. @default 10_000 */
  readonly maxPending: number;
  /**
   * How often connections are checked, and the silence after which the newest event of a channel is compared with what was
   * received. So a lost notification is noticed this late at most. Channels that get events need no check. @default 5_000
   */
  readonly checkIntervalMs: number;
  /**
   * How long an unused channel (no publish, no reader) is remembered, if its events do not live longer. A client that comes back
   * later than that gets a gap. @default 3_600_000
   */
  readonly idleTtlMs: number;
  /**
   * How long a publish key is remembered, unless the channel's events are kept longer. @default 300_000
   */
  readonly keyTtlMs: number;
  /** How long a producer's node may be silent before it counts as dead. @default 15_000 */
  readonly producerTtlMs: number;
}

/** The options that are no secret: `url` and `client` hold a password. @internal */
export type RedisSettings = Omit<SseRedisOptions, 'url' | 'client'>;

const REDIS_OPTION_NAMES: OptionNames<SseRedisOptions> = {
  url: true,
  client: true,
  prefix: true,
  publishTimeoutMs: true,
  maxPending: true,
  checkIntervalMs: true,
  idleTtlMs: true,
  keyTtlMs: true,
  producerTtlMs: true,
};

/** @internal */
export const REDIS_DEFAULTS: SseRedisOptions = Object.freeze({
  url: undefined,
  client: undefined,
  prefix: 'sse:',
  publishTimeoutMs: 5_000,
  maxPending: 10_000,
  checkIntervalMs: 5_000,
  idleTtlMs: 3_600_000,
  keyTtlMs: 300_000,
  producerTtlMs: 15_000,
});

/** A key is read in every log line and sent with every command. */
const MAX_PREFIX_LENGTH = 64;
/** A year: Redis takes more, and nobody means it. */
const MAX_TTL_MS = 31_536_000_000;

/**
 * @throws {SseError} `SSE_INVALID_OPTION`
 * @internal
 */
export function resolveRedisOptions(options: Partial<SseRedisOptions>): SseRedisOptions {
  knownOptions('', options, REDIS_OPTION_NAMES);
  // An option that is there and undefined is one that is left out.
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const all: SseRedisOptions = { ...REDIS_DEFAULTS, ...given };
  return Object.freeze({
    ...checkTarget(all),
    prefix: checkPrefix(all.prefix),
    publishTimeoutMs: integerOption('publishTimeoutMs', all.publishTimeoutMs, 1, MAX_TIMER_MS),
    maxPending: integerOption('maxPending', all.maxPending, 1),
    checkIntervalMs: integerOption('checkIntervalMs', all.checkIntervalMs, 10, MAX_TIMER_MS),
    idleTtlMs: integerOption('idleTtlMs', all.idleTtlMs, 1_000, MAX_TTL_MS),
    keyTtlMs: integerOption('keyTtlMs', all.keyTtlMs, 1_000, MAX_TTL_MS),
    producerTtlMs: integerOption('producerTtlMs', all.producerTtlMs, 100, MAX_TIMER_MS),
  });
}

function checkTarget({
  url,
  client,
}: Pick<SseRedisOptions, 'url' | 'client'>): Pick<SseRedisOptions, 'url' | 'client'> {
  if (url !== undefined && client !== undefined) throw invalidSecret('url', url, 'one of url and client, not both');
  if (client !== undefined) {
    const { duplicate, sendCommand } = (client ?? {}) as Partial<SseRedisClient>;
    if (typeof duplicate !== 'function' || typeof sendCommand !== 'function') {
      throw invalidSecret('client', client, "what createClient() or createCluster() of the package 'redis' returns");
    }
    return { client };
  }
  // Tried here: the error that the package throws for one that cannot be parsed has it as `input`, password and all.
  if (typeof url !== 'string' || !/^rediss?:\/\/./.test(url) || !URL.canParse(url)) {
    throw invalidSecret('url', url, 'redis://host:port or rediss://host:port, or use the option client');
  }
  return { url };
}

function checkPrefix(prefix: unknown): string {
  if (typeof prefix === 'string' && prefix.length <= MAX_PREFIX_LENGTH && /^[^{}\p{Cc}\p{Cs}]*$/u.test(prefix))
    return prefix;
  throw invalidOption('prefix', prefix, `up to ${MAX_PREFIX_LENGTH} characters without braces and control characters`);
}
