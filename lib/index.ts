export type { SseKeyLimit, SseLimits } from './admission/limit-options.js';
export type { SseGapReason } from './protocol/gap-reason.js';
export type { SseChannelRule, SseSlowClient } from './channel/channel-options.js';
export {
  defineChannel,
  type SseChannel,
  type SseChannelEvent,
  type SseEventMap,
  type SseEventOf,
  type SseStoredEventOf,
} from './channel/define-channel.js';
export type { SseTags } from './broadcaster/tags.js';
export type { SseDisconnectOptions } from './broadcaster/kicks.js';
export type { SseProducer, SseProduction } from './production/production.js';
export type { SseBatchOptions, SseProduceOptions, SseProductionsOptions } from './production/production-options.js';
export type { SseProductionStatus } from './production/production-outcome.js';
export { SseBroadcaster, type SseHistoryQuery, type SsePublishOptions } from './broadcaster/sse-broadcaster.js';
export type { SseFrom } from './replay/channel-cursor.js';
export type { SseSubscription } from './subscription/sse-subscription.js';
export type { SseStoredEvent } from './protocol/sse-stored-event.js';
export type {
  SseJoinOptions,
  SseSharedSnapshot,
  SseSnapshotLoader,
  SseSubscribeOptions,
} from './subscription/subscription-options.js';
export type { SseCloseCode, SseCloseReason } from './connection/close-reason.js';
export type { SseBufferOptions, SseOverflow, SsePingOptions } from './connection/connection-options.js';
export type { RefusalCode as SseRefusalCode } from './connection/observer.js';
export { SseConnection, type SseCloseOptions, type SseContext, type SseRequest } from './connection/sse-connection.js';
export { SseConnections } from './connection/sse-connections.js';
export type { SseDecorator, SseHandlerAnswer } from './http/sse-handler-answer.js';
export type { SseInspectorOptions } from './inspector/inspector-options.js';
export { LastEventId } from './http/last-event-id.decorator.js';
export type { SseRouteOptions } from './http/route-options.js';
export { SseClient } from './http/sse-client.decorator.js';
export { SseResponse, type SseJsonAnswer, type SseResponseOptions } from './http/sse-response.js';
export { SseSignal } from './http/sse-signal.decorator.js';
export { Sse } from './http/sse.decorator.js';
export type { SseShutdownOptions } from './lifecycle/shutdown-options.js';
export { SsePingService } from './lifecycle/sse-ping.service.js';
export { SseShutdownService } from './lifecycle/sse-shutdown.service.js';
export { encodeComment, encodeEvent, type SseEncodeOptions, type SseSerialize } from './protocol/encoder.js';
export type { SseErrorEventFactory, SseGap, SseGapEventFactory } from './protocol/client-events.js';
export type { SseDecodedEvent } from './protocol/event-decoder.js';
export type { SseHeaders } from './protocol/headers.js';
export type { SseHistoryOptions } from './protocol/history-limits.js';
export type { LineEnding as SseLineEnding } from './protocol/line-ending.js';
export { SSE_ERROR_CODES, SseError, type SseErrorCode, type SseErrorDetails } from './protocol/sse-error.js';
export type { SseEventLike, SseValuesAs } from './protocol/sse-event-like.js';
export { SseEvent, type SseEventFields, type SseEventInit } from './protocol/sse-event.js';
export { decodeEvents, type SseReadable } from './source/decode-events.js';
export { SseQueue, type SseQueueOptions } from './source/sse-queue.js';
export { SseStream } from './source/sse-stream.js';
export type { SseReauthorizeOptions, SseRightsOptions } from './rights/rights-options.js';
export { SseModule } from './sse.module.js';
export type { SseModuleAsyncOptions, SseModuleOptions, SseOptionsFactory } from './sse.options.js';
export type { SseHistogram } from './observability/histogram.js';
export type { SseMetric, SseMetricPoint } from './observability/metric-list.js';
export type { SseMeter, SseOpenTelemetryOptions, SseTracer } from './observability/open-telemetry-options.js';
export type { SseCounts, SseRouteMetrics } from './observability/route-counts.js';
export type { SseMetricsSnapshot } from './observability/metrics-snapshot.js';
export { SseMetrics } from './observability/sse-metrics.js';
