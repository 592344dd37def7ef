import type { SseHistogram } from './histogram.js';
import type { SseRouteMetrics } from './route-counts.js';

/**
 * What the streams of this node do at a moment, in plain numbers. Counts begin when the application starts.
 *
 * @publicApi
 */
export interface SseMetricsSnapshot {
  /** One for each route that had a request for a stream. */
  readonly routes: readonly SseRouteMetrics[];
  /** Events that were published on this node, and stored. */
  readonly published: number;
  /** Publishes on this node that failed. */
  readonly publishFailures: number;
  /** How long the store took for each event, in milliseconds. */
  readonly publishMs: SseHistogram;
  /** Channels that this node knows. */
  readonly channels: number;
  /** What is being produced into channels on this node. */
  readonly productions: number;
  /** Whether the backplane could be reached when this node last read or published. */
  readonly isBackplaneUp: boolean;
  /** How often it was away. */
  readonly backplaneFailures: number;
  /** Whether the streams are being ended, because the application closes. */
  readonly isDraining: boolean;
}
