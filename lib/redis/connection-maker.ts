import { retryDelay } from '../protocol/retry-delay.js';
import { SseError } from '../protocol/sse-error.js';
import type { SseRedisOptions } from './redis-backplane-options.js';
import { type ClusterClient, isCluster, type SingleClient } from './redis-client.js';

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
        // Half of it at random, so that nodes spread.
        reconnectStrategy: (attempts: number) => retryDelay(attempts) * (0.5 + Math.random() / 2),
      },
    }) as SingleClient;
  };
}

/** Whether clients like it are of a cluster. @internal */
export function makesCluster(client: SseRedisOptions['client']): boolean {
  return client !== undefined && isCluster(client as unknown as SingleClient | ClusterClient);
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
