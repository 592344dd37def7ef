import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { Connection } from '../connection/connection.js';
import type { Observer } from '../connection/observer.js';
import type { Observers } from '../connection/observers.js';
import type { SsePingOptions } from '../connection/connection-options.js';
import { LookTimer } from '../connection/look-timer.js';

/** How often connections are looked at within an interval, if once a second is too rare. */
const LOOKS_PER_INTERVAL = 8;

/**
 * Pings the clients that have heard nothing for a while. There is one timer for all connections, and none while there are no
 * connections.
 *
 * A connection gets a ping when it is open, was silent for its interval (or up to an eighth less), and has no pending bytes.
 * A client with pending bytes has enough to read.
 *
 * @publicApi
 */
@Injectable()
export class SsePingService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly listener: Partial<Observer> = {
    opened: (connection) => this.opened(connection as Connection),
    closed: () => this.rest(),
    refused: () => this.rest(),
  };
  private readonly timer = new LookTimer((elapsedMs) => this.look(elapsedMs));

  /** How many pings were sent since the application started. */
  sent = 0;

  /** @internal */
  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly observers: Observers,
  ) {}

  /** @internal */
  onApplicationBootstrap(): void {
    this.observers.add(this.listener);
  }

  /** @internal */
  onApplicationShutdown(): void {
    this.observers.remove(this.listener);
    this.timer.stop();
  }

  private opened({ options: { ping } }: Connection): void {
    if (ping !== false) this.timer.atLeastEvery(ping.intervalMs / LOOKS_PER_INTERVAL);
  }

  /** At once: the next connection may come in a test with fake timers, which would not drive a timer from before. */
  private rest(): void {
    if (this.registry.all.size === 0) this.timer.stop();
  }

  private look(elapsedMs: number): void {
    this.registry.each((connection) => {
      const { ping } = connection.options;
      if (ping === false) return;
      // As if it was silent since the look before: a ping may come a look too early, and never too late.
      connection.silentMs += elapsedMs;
      if (connection.silentMs < ping.intervalMs) return;
      if (connection.state === 'open' && connection.bufferedBytes === 0 && connection.isWritable) {
        this.ping(connection, ping);
      }
    });
  }

  /** A factory that throws must not take the others' pings with it: its client gets the comment. */
  private ping(connection: Connection, { event }: SsePingOptions): void {
    this.sent++;
    try {
      if (event) {
        connection.send(event());
        return;
      }
    } catch (error) {
      this.registry.observer.failed(error);
    }
    connection.comment('');
  }
}
