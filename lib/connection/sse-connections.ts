import type { SseCloseCode } from './close-reason.js';
import type { ConnectionRegistry } from './connection-registry.js';
import type { SseConnection } from './sse-connection.js';

/**
 * The open connections of this application. Iterate it to find the ones to send to or to close:
 *
 * @example
 * for (const connection of connections) if (connection.context.userId === id) connection.close('signed out');
 *
 * @publicApi
 */
export class SseConnections implements Iterable<SseConnection> {
  /** @internal */
  constructor(private readonly registry: ConnectionRegistry) {}

  /** How many connections are open. */
  get size(): number {
    let open = 0;
    for (const connection of this.registry.all) if (connection.state === 'open') open++;
    return open;
  }

  /** How many connections were opened since the application started. */
  get opened(): number {
    return this.registry.openedTotal;
  }

  /** How many connections ended since the application started, by close code. */
  get closed(): Readonly<Partial<Record<SseCloseCode, number>>> {
    return Object.fromEntries(this.registry.closedBy);
  }

  /** How many events the overflow policies dropped since the application started. */
  get eventsDropped(): number {
    return this.registry.droppedTotal;
  }

  *[Symbol.iterator](): IterableIterator<SseConnection> {
    for (const connection of this.registry.all) if (connection.state === 'open') yield connection;
  }
}
