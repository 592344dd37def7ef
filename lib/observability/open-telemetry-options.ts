import { invalidOption, knownOptions, type OptionNames } from '../protocol/check-option.js';

type Attributes = Record<string, string | number>;

interface InstrumentOptions {
  unit?: string;
  description?: string;
  advice?: { explicitBucketBoundaries?: number[] };
}

/** What is used of a `Meter` of `@opentelemetry/api`. */
export interface SseMeter {
  createObservableCounter(name: string, options?: InstrumentOptions): object;
  createObservableGauge(name: string, options?: InstrumentOptions): object;
  createHistogram(name: string, options?: InstrumentOptions): { record(value: number, attributes?: Attributes): void };
  addBatchObservableCallback(callback: BatchCallback, observables: object[]): void;
  removeBatchObservableCallback(callback: BatchCallback, observables: object[]): void;
}

type BatchCallback = (result: { observe(metric: object, value: number, attributes?: Attributes): void }) => void;

interface SpanContext {
  traceId: string;
  spanId: string;
  traceFlags: number;
}

/** What is used of a `Tracer` of `@opentelemetry/api`. */
export interface SseTracer {
  startSpan(
    name: string,
    options?: { startTime?: number; root?: boolean; attributes?: Attributes; links?: { context: SpanContext }[] },
  ): { end(): void; spanContext(): SpanContext };
}

/**
 * Where the metrics and spans of all streams go. Both are yours: the package imports nothing of OpenTelemetry.
 *
 * @publicApi
 */
export interface SseOpenTelemetryOptions {
  /** E.g. `metrics.getMeter('streams')`. @default no metrics are exported */
  readonly meter?: SseMeter;
  /** E.g. `trace.getTracer('streams')`. @default there are no spans */
  readonly tracer?: SseTracer;
}

const NAMES: OptionNames<SseOpenTelemetryOptions> = { meter: true, tracer: true };

/** @throws {SseError} `SSE_INVALID_OPTION` @internal */
export function resolveOpenTelemetry(options: SseOpenTelemetryOptions | undefined): SseOpenTelemetryOptions {
  if (options === undefined) return {};
  const { meter, tracer } = knownOptions('openTelemetry', options, NAMES);
  if (meter !== undefined && typeof meter?.addBatchObservableCallback !== 'function') {
    throw invalidOption('openTelemetry.meter', meter, 'a Meter of @opentelemetry/api, e.g. metrics.getMeter(name)');
  }
  if (tracer !== undefined && typeof tracer?.startSpan !== 'function') {
    throw invalidOption('openTelemetry.tracer', tracer, 'a Tracer of @opentelemetry/api, e.g. trace.getTracer(name)');
  }
  return { ...(meter && { meter }), ...(tracer && { tracer }) };
}
