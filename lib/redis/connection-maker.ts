import { SseError } from '../protocol/sse-error.js';
import type { SseRedisOptions } from './redis-backplane-options.js';
import { type ClusterClient, isCluster, type SingleClient } from './redis-client.js';

/** At most so long between two attempts, in milliseconds: clients wait. As much again at random, so that nodes spread. */
const LAST_RETRY_MS = 1_000;
const FIRST_RETRY_MS = 50;

/**
 * Makes clients like the one in the options. The package is loaded when a client is made from a url, not before:
 * whoever gives a client may have it from `@redis/client`.
 *
 * @internal
 */
export function connectionMaker(
  { url, client }: Pick<SseRedisOptions, 'url' | 'client'>,
  publishTimeoutMs: number,
): () => SingleClient | ClusterClient | Promise<SingleClient> {
  if (client) {
    const model = client as unknown as SingleClient | ClusterClient;
    // A cluster connects to a shard when it is needed, not to all at once: one that is away must not keep the others waiting.
    if (isCluster(model)) return () => model.duplicate({ minimizeConnections: true }) as ClusterClient;
    return () => model.duplicate() as SingleClient;
  }
  return async () => {
    const redis = await loadPackage();
    return redis.createClient({
      url,
      socket: {
        connectTimeout: publishTimeoutMs,
        reconnectStrategy: (attempts: number) =>
          Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts, 10)) * (0.5 + Math.random() / 2),
      },
    }) as SingleClient;
  };
}

async function loadPackage(): Promise<{ createClient(options: object): unknown }> {
  try {
    return await import('redis');
  } catch (cause) {
    throw new SseError(
      'SSE_INVALID_OPTION',
      'The option url of RedisBackplane needs the package redis: npm install redis. Or use the option client.',
      { cause },
    );
  }
}
