import type { OnApplicationShutdown } from '@nestjs/common';
import type { SseCloseReason } from '../connection/close-reason.js';
import type { Observer } from '../connection/observer.js';
import type { Observers } from '../connection/observers.js';
import type { SseConnection } from '../connection/sse-connection.js';
import { BOUNDS_MS } from './histogram.js';
import { PUBLISH_DURATION, TIME_TO_FIRST_EVENT } from './metric-list.js';
import type { SseMeter, SseOpenTelemetryOptions, SseTracer } from './open-telemetry-options.js';
import type { SseMetrics } from './sse-metrics.js';

/** What OpenTelemetry calls our labels. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  route: 'http.route',
  code: 'sse.close.code',
  reason: 'sse.gap.reason',
};

/**
 * Hands the numbers of `SseMetrics` to a meter of OpenTelemetry, and tells a tracer of openings and ends.
 *
 * @internal
 */
export class OpenTelemetryExport implements OnApplicationShutdown {
  private readonly stops: (() => void)[] = [];

  constructor({ meter, tracer }: SseOpenTelemetryOptions, metrics: SseMetrics, observers: Observers) {
    if (meter) this.stops.push(observe(meter, metrics), listen(observers, histograms(meter)));
    if (tracer) this.stops.push(listen(observers, spans(tracer)));
  }

  onApplicationShutdown(): void {
    for (const stop of this.stops.splice(0)) stop();
  }
}

function listen(observers: Observers, listener: Partial<Observer>): () => void {
  observers.add(listener);
  return () => observers.remove(listener);
}

/** Reads all numbers once whenever the meter collects. @returns lets go of the meter when it has had the last ones */
function observe(meter: SseMeter, metrics: SseMetrics): () => void {
  const instruments = new Map<string, object>();
  let isOver = false;
  for (const { isOfHistogram, otelName, kind, unit, description } of metrics.collect()) {
    if (isOfHistogram) continue;
    const options = { unit, description };
    const isCounter = kind === 'counter';
    const instrument = isCounter
      ? meter.createObservableCounter(otelName, options)
      : meter.createObservableGauge(otelName, options);
    instruments.set(otelName, instrument);
  }
  const callback = (result: { observe(metric: object, value: number, attributes?: Attributes): void }): void => {
    for (const { otelName, points } of metrics.collect()) {
      const instrument = instruments.get(otelName);
      if (instrument) for (const { labels, value } of points) result.observe(instrument, value, attributesOf(labels));
    }
    // Not at once: the meter is going through its callbacks.
    if (isOver) queueMicrotask(() => meter.removeBatchObservableCallback(callback, all));
  };
  const all = [...instruments.values()];
  meter.addBatchObservableCallback(callback, all);
  // The meter would go on telling the numbers that it had last: of streams that are closed by now.
  return () => (isOver = true);
}

type Attributes = Record<string, string | number>;

function attributesOf(labels: Readonly<Record<string, string>>): Attributes {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [ATTRIBUTES[name] ?? name, value]));
}

/** Durations have no number that could be read now and then: each is recorded when it is known. */
function histograms(meter: SseMeter): Partial<Observer> {
  const options = { unit: 's', advice: { explicitBucketBoundaries: BOUNDS_MS.map((ms) => ms / 1_000) } };
  const make = ({ otelName, description }: { readonly otelName: string; readonly description: string }) =>
    meter.createHistogram(otelName, { ...options, description });
  const timeToFirstEvent = make(TIME_TO_FIRST_EVENT);
  const publishDuration = make(PUBLISH_DURATION);
  return {
    firstEvent: ({ route, arrivedAt, firstEventAt = arrivedAt }) =>
      timeToFirstEvent.record(Math.max(0, firstEventAt - arrivedAt) / 1_000, attributesOf({ route })),
    published: (_, waitedMs) => publishDuration.record(waitedMs / 1_000),
  };
}

/**
 * A short span for the opening, within the span of its request, and one for the end, with a link to it. A span that is as long as
 * the stream would say nothing for hours, and then that a request took hours.
 */
function spans(tracer: SseTracer): Partial<Observer> {
  const opened = new WeakMap<SseConnection, ReturnType<ReturnType<SseTracer['startSpan']>['spanContext']>>();
  return {
    opened(connection) {
      const { route, arrivedAt } = connection;
      const span = tracer.startSpan(`sse open ${route}`, { startTime: arrivedAt, attributes: { 'http.route': route } });
      span.end();
      opened.set(connection, span.spanContext());
    },
    closed(connection, { code }: SseCloseReason) {
      const { route, eventsSent, bytesSent, eventsDropped, openedAt = Date.now() } = connection;
      const context = opened.get(connection);
      const span = tracer.startSpan(`sse close ${route}`, {
        root: true,
        links: context ? [{ context }] : [],
        attributes: {
          'http.route': route,
          'sse.close.code': code,
          'sse.duration': (Date.now() - openedAt) / 1_000,
          'sse.events.sent': eventsSent,
          'sse.events.dropped': eventsDropped,
          'sse.sent': bytesSent,
        },
      });
      span.end();
    },
  };
}
