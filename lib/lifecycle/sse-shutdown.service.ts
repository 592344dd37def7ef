import { Injectable, type BeforeApplicationShutdown, type OnApplicationShutdown } from '@nestjs/common';
import type { SseBroadcaster } from '../broadcaster/sse-broadcaster.js';
import { closeReason } from '../connection/close-reason.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { Connection } from '../connection/connection.js';
import { encodeEvent } from '../protocol/encoder.js';
import { toEventInit } from '../protocol/sse-event-like.js';
import type { SseShutdownOptions } from './shutdown-options.js';

/**
 * Ends all streams when the application closes, in `beforeApplicationShutdown`. That is the last hook before the platform waits
 * for its connections.
 *
 * Handlers that took `@SseSignal()` may end by themselves within the grace period. All others are ended at once. Each client
 * gets the farewell, is told when to come back, and sees a clean end of the body.
 *
 * @publicApi
 */
@Injectable()
export class SseShutdownService implements BeforeApplicationShutdown, OnApplicationShutdown {
  private running: Promise<void> | undefined;

  /** @internal */
  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly options: SseShutdownOptions,
    private readonly broadcaster: Pick<SseBroadcaster, 'stopAll' | 'close'>,
  ) {}

  /** Whether the streams are being ended, or were ended. Clients that come now are told when to come back. */
  get isClosing(): boolean {
    return this.running !== undefined;
  }

  /** @internal */
  beforeApplicationShutdown(): Promise<void> {
    return this.shutdown();
  }

  /**
   * The last of all: hooks of the application may still publish.
   *
   * @internal
   */
  async onApplicationShutdown(): Promise<void> {
    await this.broadcaster.close();
  }

  /**
   * Ends all streams now. Clients that come later are told when to come back. Call it before `app.close()` when a load balancer
   * needs time. A second call waits for the first one.
   *
   * @returns a promise that resolves within the grace period, or within `productionsMs` if that is longer. Never rejects
   */
  shutdown(): Promise<void> {
    return (this.running ??= this.run());
  }

  private async run(): Promise<void> {
    const { registry, options } = this;
    const reason = closeReason('server_closing');
    const deadline = performance.now() + options.gracePeriodMs;
    // Productions go on for a while: their readers find them on other nodes.
    const stopped = this.broadcaster.stopAll(options.productionsMs);
    registry.draining.begin(() => this.retryText() || ': closing\n\n');
    registry.observer.draining(registry.all.size);
    registry.each((connection) => {
      connection.sayLast(this.retryText() + this.farewellText(connection));
      connection.warn(reason);
      if (!connection.isCooperative) connection.end(reason);
    });
    await registry.whenEmpty(options.gracePeriodMs);
    // Out of time: those that go on regardless are ended like the others, and the slow ones cut off.
    registry.each((connection) => (connection.isEnding ? connection.cutShort() : connection.end(reason)));
    const left = () => Math.max(deadline - performance.now(), LAST_FLUSH_MS);
    await registry.whenEmpty(left());
    registry.each((connection) => connection.cut(reason));
    registry.sessions.close(left());
    await stopped;
  }

  private retryText(): string {
    const { retryMs } = this.options;
    if (retryMs === false) return '';
    const retry = retryMs.min + Math.floor(Math.random() * (retryMs.max - retryMs.min + 1));
    return encodeEvent({ retry });
  }

  private farewellText(connection: Connection): string {
    const { farewell } = this.options;
    if (!farewell) return '';
    try {
      return encodeEvent(toEventInit(farewell()), { serialize: connection.options.serialize });
    } catch (error) {
      this.registry.observer.failed(error);
      return '';
    }
  }
}

/** What a socket with room needs to take the last bytes, in milliseconds, when the grace period is over. */
const LAST_FLUSH_MS = 100;
