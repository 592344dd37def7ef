export type {
  SseIdempotentBackplane,
  SseObservableBackplane,
  SseProducerLease,
  SseProducingBackplane,
  SseSignallingBackplane,
  SseTimedBackplane,
} from './abilities.js';
export {
  SseBackplane,
  type SseBackplaneEntry,
  type SseBackplaneEvent,
  type SseBackplaneListener,
  type SseBackplanePage,
  type SseBackplaneSubscription,
  type SsePublishSettings,
} from './backplane.js';
