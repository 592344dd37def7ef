import type { SseHistogram } from './histogram.js';
import type { SseMetricsSnapshot } from './metrics-snapshot.js';
import type { SseRouteMetrics } from './route-counts.js';

/** A number, and what it is of. */
export interface SseMetricPoint {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * A metric under the names that monitoring systems want.
 *
 * @publicApi
 */
export interface SseMetric {
  /** As Prometheus wants it: `sse_connections_closed_total`. Durations are in seconds. */
  readonly name: string;
  /** As OpenTelemetry wants it: `sse.server.connections.closed`. */
  readonly otelName: string;
  /** A `counter` only grows while the process lives. */
  readonly kind: 'counter' | 'gauge';
  /** As OpenTelemetry writes units: `{connection}`, `By`, `s`. */
  readonly unit: string;
  readonly description: string;
  readonly labelNames: readonly string[];
  /** One for each set of labels. */
  readonly points: readonly SseMetricPoint[];
  /** Whether it is a part of a histogram, as Prometheus stores it: its buckets, its sum, or its count. */
  readonly isOfHistogram: boolean;
}

type Kind = SseMetric['kind'];

/** What a metric of routes is called, and how it is read: as one number, or by code. */
type RouteRow = readonly [
  name: string,
  otelName: string,
  kind: Kind,
  unit: string,
  description: string,
  read: (route: SseRouteMetrics) => number | Readonly<Record<string, number>>,
  label?: 'code' | 'reason',
];

const ROUTE_ROWS: readonly RouteRow[] = [
  [
    'connections_opening',
    'connections.opening',
    'gauge',
    '{connection}',
    'Requests whose headers have not been sent',
    (it) => it.opening,
  ],
  ['connections_open', 'connections.open', 'gauge', '{connection}', 'Open streams', (it) => it.open],
  [
    'connections_lagging',
    'connections.lagging',
    'gauge',
    '{connection}',
    'Open streams whose client does not take what is sent',
    (it) => it.lagging,
  ],
  ['buffered_bytes', 'buffered', 'gauge', 'By', 'Bytes that wait for clients', (it) => it.bufferedBytes],
  [
    'connections_opened',
    'connections.opened',
    'counter',
    '{connection}',
    'Streams that were opened',
    (it) => it.opened,
  ],
  [
    'connections_closed',
    'connections.closed',
    'counter',
    '{connection}',
    'Streams that were opened and are over, by close code',
    (it) => it.closed,
    'code',
  ],
  [
    'connections_refused',
    'connections.refused',
    'counter',
    '{request}',
    'Requests that got no stream, by code',
    (it) => it.refused,
    'code',
  ],
  ['events_sent', 'events.sent', 'counter', '{event}', 'Events that were handed to sockets', (it) => it.eventsSent],
  [
    'events_dropped',
    'events.dropped',
    'counter',
    '{event}',
    'Events that overflow policies have dropped',
    (it) => it.eventsDropped,
  ],
  ['sent_bytes', 'sent', 'counter', 'By', 'Bytes that were handed to sockets', (it) => it.bytesSent],
  ['gaps', 'gaps', 'counter', '{gap}', 'Gaps that clients were told of, by reason', (it) => it.gaps, 'reason'],
  ['replays', 'replays', 'counter', '{replay}', 'Clients that came and have caught up', (it) => it.replays],
  [
    'events_replayed',
    'events.replayed',
    'counter',
    '{event}',
    'Events that were sent to catch up',
    (it) => it.eventsReplayed,
  ],
];

/** The same for the node. */
type NodeRow = readonly [
  name: string,
  otelName: string,
  kind: Kind,
  unit: string,
  description: string,
  read: (node: SseMetricsSnapshot) => number,
];

const NODE_ROWS: readonly NodeRow[] = [
  [
    'events_published',
    'events.published',
    'counter',
    '{event}',
    'Events that were published and stored',
    (it) => it.published,
  ],
  ['publish_failures', 'publish.failures', 'counter', '{event}', 'Publishes that failed', (it) => it.publishFailures],
  ['channels', 'channels', 'gauge', '{channel}', 'Channels that this node knows', (it) => it.channels],
  ['productions', 'productions', 'gauge', '{production}', 'Productions that run on this node', (it) => it.productions],
  [
    'backplane_up',
    'backplane.up',
    'gauge',
    '1',
    '1 when the backplane could be reached last, else 0',
    (it) => Number(it.isBackplaneUp),
  ],
  [
    'backplane_failures',
    'backplane.failures',
    'counter',
    '{failure}',
    'How often the backplane was away',
    (it) => it.backplaneFailures,
  ],
  ['draining', 'draining', 'gauge', '1', '1 while the application closes, else 0', (it) => Number(it.isDraining)],
];

/** From the arrival of a request to the first event of its stream. */
export const TIME_TO_FIRST_EVENT = {
  name: 'time_to_first_event',
  otelName: 'sse.server.time_to_first_event',
  description: 'From the arrival of a request to the first event of its stream',
} as const;

/** How long the store takes for an event. */
export const PUBLISH_DURATION = {
  name: 'publish_duration',
  otelName: 'sse.server.publish.duration',
  description: 'How long the store takes for an event that is published',
} as const;

/** A snapshot as a list of metrics. */
export function metricsOf(snapshot: SseMetricsSnapshot): SseMetric[] {
  const { routes } = snapshot;
  return [
    ...ROUTE_ROWS.map(([name, otelName, kind, unit, description, read, label]) => {
      const labelNames = label ? ['route', label] : ['route'];
      const points = routes.flatMap((one) => pointsOf({ route: one.route }, read(one), label));
      return metric(name, otelName, kind, unit, description, labelNames, points);
    }),
    ...NODE_ROWS.map(([name, otelName, kind, unit, description, read]) =>
      metric(name, otelName, kind, unit, description, [], [{ labels: {}, value: read(snapshot) }]),
    ),
    ...histogram(
      TIME_TO_FIRST_EVENT,
      ['route'],
      routes.map(({ route, timeToFirstEventMs }) => [{ route }, timeToFirstEventMs]),
    ),
    ...histogram(PUBLISH_DURATION, [], [[{}, snapshot.publishMs]]),
  ];
}

function metric(
  name: string,
  otelName: string,
  kind: Kind,
  unit: string,
  description: string,
  labelNames: readonly string[],
  points: readonly SseMetricPoint[],
): SseMetric {
  return {
    name: `sse_${name}${kind === 'counter' ? '_total' : ''}`,
    otelName: `sse.server.${otelName}`,
    kind,
    unit,
    description,
    labelNames,
    points,
    isOfHistogram: false,
  };
}

function pointsOf(
  labels: Readonly<Record<string, string>>,
  value: number | Readonly<Record<string, number>>,
  label: string | undefined,
): SseMetricPoint[] {
  if (typeof value === 'number') return [{ labels, value }];
  return Object.entries(value).map(([key, count]) => ({ labels: { ...labels, [label ?? 'code']: key }, value: count }));
}

/** A histogram in milliseconds as the three counters that Prometheus makes of one, in seconds. */
function histogram(
  { name, otelName, description }: { readonly name: string; readonly otelName: string; readonly description: string },
  labelNames: readonly string[],
  values: readonly (readonly [SseMetricPoint['labels'], SseHistogram])[],
): SseMetric[] {
  const part = (suffix: string, names: readonly string[], points: readonly SseMetricPoint[]): SseMetric => ({
    name: `sse_${name}_seconds_${suffix}`,
    otelName,
    kind: 'counter',
    unit: 's',
    description,
    labelNames: names,
    points,
    isOfHistogram: true,
  });
  const buckets = values.flatMap(([labels, { count, buckets: all }]) => [
    ...all.map(({ upTo, count: value }) => ({ labels: { ...labels, le: String(upTo / 1_000) }, value })),
    { labels: { ...labels, le: '+Inf' }, value: count },
  ]);
  return [
    part('bucket', [...labelNames, 'le'], buckets),
    part(
      'sum',
      labelNames,
      values.map(([labels, { sum }]) => ({ labels, value: sum / 1_000 })),
    ),
    part(
      'count',
      labelNames,
      values.map(([labels, { count }]) => ({ labels, value: count })),
    ),
  ];
}
