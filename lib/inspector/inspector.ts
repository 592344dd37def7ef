import { Observable } from 'rxjs';
import { isObservable } from '../backplane/abilities.js';
import type { SseBackplane } from '../backplane/backplane.js';
import type { SseBroadcaster } from '../broadcaster/sse-broadcaster.js';
import type { Channel } from '../channel/channel.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { Connection } from '../connection/connection.js';
import type { SseSubscription } from '../subscription/sse-subscription.js';
import type { SseMetrics } from '../observability/sse-metrics.js';
import { ConnectionTables, type Search } from './connection-table.js';
import { top } from './top.js';

/** How often the page is told, in milliseconds. */
const SHOW_EVERY_MS = 1_000;

const MAX_CHANNELS = 100;

/**
 * What the inspector's page shows. Nothing is computed while nobody looks.
 *
 * @internal
 */
export class Inspector {
  private readonly tables = new ConnectionTables();
  private readonly viewers = new Map<Connection, Search>();
  private timer: NodeJS.Timeout | undefined;
  private health: object | undefined;
  private isAsking = false;

  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly metrics: SseMetrics,
    private readonly broadcaster: SseBroadcaster,
    private readonly backplane: SseBackplane,
  ) {}

  /** A source that never says anything by itself: interceptors of the application would change what the page gets. */
  watch(viewer: Connection, search: Search): Observable<never> {
    return new Observable(() => {
      this.viewers.set(viewer, search);
      this.timer ??= setInterval(() => this.show([...this.viewers]), SHOW_EVERY_MS).unref();
      setImmediate(() => this.viewers.has(viewer) && this.show([[viewer, search]]));
      return () => this.forget(viewer);
    });
  }

  tail(channel: string): SseSubscription {
    return this.broadcaster.subscribe(channel);
  }

  /** @returns whether there was such a connection */
  kick(id: string): boolean {
    for (const connection of this.registry.all) {
      if (connection.id !== id) continue;
      connection.close('closed by the inspector');
      return true;
    }
    return false;
  }

  private forget(viewer: Connection): void {
    this.viewers.delete(viewer);
    if (this.viewers.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** A tag, or the platform's way to find an address, may throw: in a timer nobody would catch that. */
  private show(viewers: readonly (readonly [Connection, Search])[]): void {
    try {
      this.tell(viewers);
    } catch (error) {
      this.registry.observer.failed(error);
    }
  }

  private tell(viewers: readonly (readonly [Connection, Search])[]): void {
    // Who does not read gets the next one when it does.
    const reading = viewers.filter(([viewer]) => viewer.bufferedBytes === 0);
    if (reading.length === 0) return;
    this.askBackplane();
    const node = JSON.stringify(this.node());
    const tables = new Map<string, string>();
    for (const [viewer] of reading) viewer.send({ type: 'node', data: node });
    for (const [viewer, search] of reading) {
      const key = `${search.sort} ${search.text}`;
      let table = tables.get(key);
      if (table === undefined) tables.set(key, (table = JSON.stringify(this.tables.of(this.registry.all, search))));
      viewer.send({ type: 'connections', data: table });
    }
  }

  private node(): object {
    const { routes, publishMs: _, ...node } = this.metrics.read();
    const total = (read: (route: (typeof routes)[number]) => number) =>
      routes.reduce((sum, route) => sum + read(route), 0);
    return {
      ...node,
      at: performance.now(),
      open: total(({ open }) => open),
      lagging: total(({ lagging }) => lagging),
      bufferedBytes: total(({ bufferedBytes }) => bufferedBytes),
      eventsSent: total(({ eventsSent }) => eventsSent),
      bytesSent: total(({ bytesSent }) => bytesSent),
      eventsDropped: total(({ eventsDropped }) => eventsDropped),
      health: this.health,
      channelRows: top(this.broadcaster.known, MAX_CHANNELS, ({ readers }) => readers).map(channelRow),
    };
  }

  /** Shown with what comes next: the page does not wait for the store. */
  private askBackplane(): void {
    const { backplane } = this;
    if (this.isAsking || !isObservable(backplane)) return;
    this.isAsking = true;
    void backplane
      .health()
      .catch(() => ({ isUp: false }))
      .then((health) => {
        this.health = health;
        this.isAsking = false;
      });
  }
}

function channelRow({ name, readers, log, isEnded, usedAt }: Channel): object {
  return { name, readers, events: log.size, bytes: log.byteLength, isEnded, silentMs: performance.now() - usedAt };
}
