import type { SseGapReason } from '../protocol/gap-reason.js';
import type { SseCloseReason } from './close-reason.js';
import type { Observer, RefusalCode } from './observer.js';
import type { SseConnection } from './sse-connection.js';

/**
 * All listeners of one application, as one observer. Without a listener it does nothing.
 *
 * When a listener throws, the others are still told, and `failed()` is told of the error.
 *
 * @internal
 */
export class Observers implements Observer {
  private listeners: readonly Partial<Observer>[] = [];

  constructor(...listeners: readonly Partial<Observer>[]) {
    this.listeners = listeners;
  }

  /** @param listener is told what it has methods for, until it is removed */
  add(listener: Partial<Observer>): void {
    this.listeners = [...this.listeners, listener];
  }

  remove(listener: Partial<Observer>): void {
    this.listeners = this.listeners.filter((other) => other !== listener);
  }

  opened(connection: SseConnection): void {
    this.tell((listener) => listener.opened?.(connection));
  }

  firstEvent(connection: SseConnection): void {
    this.tell((listener) => listener.firstEvent?.(connection));
  }

  closed(connection: SseConnection, reason: SseCloseReason): void {
    this.tell((listener) => listener.closed?.(connection, reason));
  }

  refused(route: string, code: RefusalCode): void {
    this.tell((listener) => listener.refused?.(route, code));
  }

  dropped(connection: SseConnection): void {
    this.tell((listener) => listener.dropped?.(connection));
  }

  gap(connection: SseConnection, channels: readonly string[], reason: SseGapReason): void {
    this.tell((listener) => listener.gap?.(connection, channels, reason));
  }

  replayed(connection: SseConnection, events: number): void {
    this.tell((listener) => listener.replayed?.(connection, events));
  }

  published(channel: string, waitedMs: number): void {
    this.tell((listener) => listener.published?.(channel, waitedMs));
  }

  publishFailed(channel: string, error: unknown): void {
    this.tell((listener) => listener.publishFailed?.(channel, error));
  }

  backplaneChanged(isUp: boolean, error?: unknown): void {
    this.tell((listener) => listener.backplaneChanged?.(isUp, error));
  }

  draining(connections: number): void {
    this.tell((listener) => listener.draining?.(connections));
  }

  failed(error: unknown): void {
    for (const listener of this.listeners) {
      try {
        listener.failed?.(error);
      } catch {
        // A listener of failures has failed itself. There is nobody to tell.
      }
    }
  }

  private tell(call: (listener: Partial<Observer>) => void): void {
    for (const listener of this.listeners) {
      try {
        call(listener);
      } catch (error) {
        this.failed(error);
      }
    }
  }
}
