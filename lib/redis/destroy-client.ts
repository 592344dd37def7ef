import { isCluster, type ClusterClient, type SingleClient } from './redis-client.js';

/**
 * Ends a client for good, whatever it is doing.
 *
 * `destroy()` alone forgets the socket of a client that is just connecting, and a cluster forgets its clients: it connects
 * afterwards, stays open, and keeps the process and a connection of Redis. So it is destroyed again when that has happened.
 *
 * @internal
 */
export function destroyClient(client: SingleClient | ClusterClient): void {
  const destroy = (): void => {
    try {
      client.destroy();
    } catch {
      // Version 5 throws when there is nothing to destroy.
    }
  };
  if (isCluster(client)) {
    const masters = new Set(client.slots.map((slot) => slot?.master));
    for (const master of masters) if (master?.client) destroyClient(master.client);
  } else {
    client.on('connect', destroy);
  }
  destroy();
}
