import { integerOption, invalidOption, invalidSecret, MAX_TIMER_MS, unknownOption } from '../protocol/check-option.js';
import type { SseRedisClient } from './redis-client.js';

/**
 * The options of {@link RedisBackplane}. One of `url` and `client` is needed; durations are in milliseconds.
 *
 * @publicApi
 */
export interface SseRedisOptions {
  /** Of one server, as the package `redis` reads it: `redis[s]://[[username][:password]@][host][:port][/db-number]`. */
  readonly url?: string | undefined;
  /**
   * The application's own client or cluster client, as a model: the backplane opens connections of its own with the same
   * settings (`client.duplicate()`), so that neither a blocking command of yours delays a publish nor the other way
   * round. Yours need not be connected, and is never closed.
   */
  readonly client?: SseRedisClient | undefined;
  /** What every key begins with. Without `{` and `}`: the braces behind it choose the shard. @default 'sse:' */
  readonly prefix: string;
  /**
   * How long a publish or a read may take before it is given up with `SSE_BACKPLANE_UNAVAILABLE`, and how long a
   * connection may be silent when it owes an answer before it is replaced. @default 5_000
   */
  readonly publishTimeoutMs: number;
  /** Publishes that may wait for an answer; one more fails at once. What bounds the memory while Redis is away. @default 10_000 */
  readonly maxPending: number;
  /**
   * How often the connections are tried, and the silence after which a watched channel's head is compared with what was
   * received: how late a lost notification is noticed at most. Channels that get events need no check. @default 5_000
   */
  readonly checkIntervalMs: number;
  /**
   * How long a channel is remembered that is neither published to nor listened to, if its events do not live longer.
   * Clients that come back later than that get a gap. @default 3_600_000
   */
  readonly idleTtlMs: number;
  /**
   * How long a publish key is remembered, unless the channel's events are kept longer. @default 300_000
   */
  readonly keyTtlMs: number;
  /** How long a producer's node may be silent before it counts as dead. @default 10_000 */
  readonly producerTtlMs: number;
}

/** The options that are no secret: `url` and `client` hold a password. @internal */
export type RedisSettings = Omit<SseRedisOptions, 'url' | 'client'>;

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
  producerTtlMs: 10_000,
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
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(REDIS_DEFAULTS, name)) {
      throw unknownOption(name, options[name as keyof SseRedisOptions], Object.keys(REDIS_DEFAULTS));
    }
  }
  const all = { ...REDIS_DEFAULTS, ...options };
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
