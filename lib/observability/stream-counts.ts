import type { Observer } from '../connection/observer.js';
import type { SseConnection } from '../connection/sse-connection.js';
import { Histogram } from './histogram.js';
import { RouteCounts } from './route-counts.js';

/**
 * Counts what an observer is told.
 *
 * @internal
 */
export class StreamCounts implements Partial<Observer> {
  readonly routes = new Map<string, RouteCounts>();
  publishedTotal = 0;
  publishFailures = 0;
  readonly publishMs = new Histogram();
  backplaneFailures = 0;

  opened({ route }: SseConnection): void {
    this.of(route).opened++;
  }

  firstEvent({ route, arrivedAt, firstEventAt }: SseConnection): void {
    this.of(route).timeToFirstEvent.record((firstEventAt ?? arrivedAt) - arrivedAt);
  }

  closed(connection: SseConnection, { code }: Parameters<Observer['closed']>[1]): void {
    const counts = this.of(connection.route);
    counts.closed.add(code);
    counts.eventsSent += connection.eventsSent;
    counts.bytesSent += connection.bytesSent;
    counts.eventsDropped += connection.eventsDropped;
  }

  refused(...[route, code]: Parameters<Observer['refused']>): void {
    this.of(route).refused.add(code);
  }

  gap(...[{ route }, , reason]: Parameters<Observer['gap']>): void {
    this.of(route).gaps.add(reason);
  }

  replayed({ route }: SseConnection, events: number): void {
    const counts = this.of(route);
    counts.replays++;
    counts.eventsReplayed += events;
  }

  published(_channel: string, waitedMs: number): void {
    this.publishedTotal++;
    this.publishMs.record(waitedMs);
  }

  publishFailed(): void {
    this.publishFailures++;
  }

  backplaneChanged(isUp: boolean): void {
    if (!isUp) this.backplaneFailures++;
  }

  of(route: string): RouteCounts {
    let counts = this.routes.get(route);
    if (!counts) this.routes.set(route, (counts = new RouteCounts()));
    return counts;
  }
}
