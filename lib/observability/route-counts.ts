import type { SseCloseCode } from '../connection/close-reason.js';
import type { RefusalCode } from '../connection/observer.js';
import type { SseGapReason } from '../protocol/gap-reason.js';
import { Histogram, type SseHistogram } from './histogram.js';

/** How often each of some things has happened. What has not happened is not in it. */
export type SseCounts<Code extends string> = Readonly<Partial<Record<Code, number>>>;

/**
 * The streams of one route. Counts begin when the application starts.
 *
 * @publicApi
 */
export interface SseRouteMetrics {
  /** The pattern of the route, as `SseConnection.route`. */
  readonly route: string;
  /** Requests whose headers have not been sent yet. */
  readonly opening: number;
  /** Streams that are open at the moment. */
  readonly open: number;
  /** How many of them have bytes waiting that the client does not take. */
  readonly lagging: number;
  /** Bytes that wait for clients at the moment, in this process and in its sockets. */
  readonly bufferedBytes: number;
  /** Streams that were opened. */
  readonly opened: number;
  /** Streams that were opened and are over. */
  readonly closed: SseCounts<SseCloseCode>;
  /** Requests that got no stream. */
  readonly refused: SseCounts<RefusalCode>;
  /** Events that were handed to sockets. Pings and other comments count too. */
  readonly eventsSent: number;
  /** Bytes of bodies that were handed to sockets. */
  readonly bytesSent: number;
  /** Events that overflow policies have dropped. */
  readonly eventsDropped: number;
  /** Gaps that clients were told of. */
  readonly gaps: SseCounts<SseGapReason>;
  /** Clients that came and have caught up with their channels. */
  readonly replays: number;
  /** How many events they were sent for that. */
  readonly eventsReplayed: number;
  /** From the arrival of a request to the first event of its stream, in milliseconds. */
  readonly timeToFirstEventMs: SseHistogram;
}

/** How often each of some things has happened. */
class Tally<Code extends string> {
  private readonly counts = new Map<Code, number>();

  add(code: Code): void {
    this.counts.set(code, (this.counts.get(code) ?? 0) + 1);
  }

  read(): SseCounts<Code> {
    return Object.fromEntries(this.counts) as SseCounts<Code>;
  }
}

/** What has happened on one route so far. */
export class RouteCounts {
  opened = 0;
  readonly closed = new Tally<SseCloseCode>();
  readonly refused = new Tally<RefusalCode>();
  readonly gaps = new Tally<SseGapReason>();
  replays = 0;
  eventsReplayed = 0;
  /** Of streams that are over. */
  eventsSent = 0;
  bytesSent = 0;
  eventsDropped = 0;
  readonly timeToFirstEvent = new Histogram();
}

/** What the connections of a route that are there have in their fields, all together. */
export class RouteSums {
  opening = 0;
  open = 0;
  lagging = 0;
  bufferedBytes = 0;
  eventsSent = 0;
  bytesSent = 0;
  eventsDropped = 0;
}

export function routeMetrics(route: string, counts: RouteCounts, sums: RouteSums): SseRouteMetrics {
  return {
    route,
    opening: sums.opening,
    open: sums.open,
    lagging: sums.lagging,
    bufferedBytes: sums.bufferedBytes,
    opened: counts.opened,
    closed: counts.closed.read(),
    refused: counts.refused.read(),
    eventsSent: counts.eventsSent + sums.eventsSent,
    bytesSent: counts.bytesSent + sums.bytesSent,
    eventsDropped: counts.eventsDropped + sums.eventsDropped,
    gaps: counts.gaps.read(),
    replays: counts.replays,
    eventsReplayed: counts.eventsReplayed,
    timeToFirstEventMs: counts.timeToFirstEvent.read(),
  };
}
