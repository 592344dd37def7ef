import type { Provider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { SseBackplane } from './backplane/backplane.js';
import { MemoryBackplane } from './backplane/memory-backplane.js';
import { SseBroadcaster, type BroadcasterOptions } from './broadcaster/sse-broadcaster.js';
import { ConnectionRegistry } from './connection/connection-registry.js';
import { Observers } from './connection/observers.js';
import { SseConnections } from './connection/sse-connections.js';
import { DrainingAdmission } from './admission/draining-admission.js';
import { LimitsAdmission } from './admission/limits-admission.js';
import { StreamRoutes } from './http/stream-routes.js';
import { checkInspector, type SseInspectorOptions } from './inspector/inspector-options.js';
import { Inspector } from './inspector/inspector.js';
import { SsePingService } from './lifecycle/sse-ping.service.js';
import { SseShutdownService } from './lifecycle/sse-shutdown.service.js';
import { hookListener } from './observability/hook-listener.js';
import { LogListener } from './observability/log-listener.js';
import { OpenTelemetryExport } from './observability/open-telemetry.js';
import { SseMetrics } from './observability/sse-metrics.js';
import { StreamCounts } from './observability/stream-counts.js';
import { invalidOption } from './protocol/check-option.js';
import { SseError } from './protocol/sse-error.js';
import { resolveOptions, type ResolvedOptions, type SseModuleOptions } from './sse.options.js';

/** The options as the user gave them. Registered, so that a module of the package's other build is counted too. */
export const MODULE_OPTIONS = Symbol.for('nestjs-event-stream.module-options');

/** The options of the inspector, or `null`. */
export const INSPECTOR_OPTIONS = Symbol('nestjs-event-stream: inspector');

/** @internal */
export const RESOLVED_OPTIONS = Symbol('nestjs-event-stream: resolved options');

/** Everything that an application has one of, made here and nowhere else. */
export const PROVIDERS: Provider[] = [
  {
    provide: RESOLVED_OPTIONS,
    useFactory: (
      options: SseModuleOptions | undefined,
      modules: ModulesContainer,
      inspector: SseInspectorOptions | null,
    ): ResolvedOptions => {
      refuseSecond(modules);
      checkInspector(inspector ?? undefined);
      if (options?.inspector && options.inspector !== inspector) {
        throw invalidOption('inspector', options.inspector, 'beside useFactory, in what forRootAsync() is given');
      }
      return resolveOptions(options);
    },
    inject: [MODULE_OPTIONS, ModulesContainer, INSPECTOR_OPTIONS],
  },
  {
    provide: Observers,
    useFactory: ({ hooks }: ResolvedOptions, counts: StreamCounts, log: LogListener): Observers => {
      return new Observers(
        // First: whoever hears of something may look at the numbers.
        counts,
        log,
        hookListener(hooks, (error) => log.failed(error)),
      );
    },
    inject: [RESOLVED_OPTIONS, StreamCounts, LogListener],
  },
  { provide: LogListener, useFactory: () => new LogListener() },
  { provide: StreamCounts, useFactory: () => new StreamCounts() },
  {
    provide: ConnectionRegistry,
    useFactory: (observers: Observers) => new ConnectionRegistry(observers),
    inject: [Observers],
  },
  {
    provide: StreamRoutes,
    useFactory: (registry: ConnectionRegistry, { stream, limits }: ResolvedOptions) =>
      new StreamRoutes(
        registry,
        stream,
        new DrainingAdmission(registry, limits && new LimitsAdmission(registry, limits)),
      ),
    inject: [ConnectionRegistry, RESOLVED_OPTIONS],
  },
  {
    provide: SseConnections,
    useFactory: (registry: ConnectionRegistry) => new SseConnections(registry),
    inject: [ConnectionRegistry],
  },
  {
    provide: SsePingService,
    useFactory: (registry: ConnectionRegistry, observers: Observers) => new SsePingService(registry, observers),
    inject: [ConnectionRegistry, Observers],
  },
  {
    provide: SseBroadcaster,
    useFactory: (registry: ConnectionRegistry, options: ResolvedOptions, backplane: SseBackplane) =>
      new SseBroadcaster(registry, backplane, broadcasterOptions(options, registry)),
    inject: [ConnectionRegistry, RESOLVED_OPTIONS, SseBackplane],
  },
  {
    provide: SseBackplane,
    useFactory: ({ backplane }: ResolvedOptions) => backplane ?? new MemoryBackplane(),
    inject: [RESOLVED_OPTIONS],
  },
  {
    provide: SseShutdownService,
    useFactory: (registry: ConnectionRegistry, { shutdown }: ResolvedOptions, broadcaster: SseBroadcaster) =>
      new SseShutdownService(registry, shutdown, broadcaster),
    inject: [ConnectionRegistry, RESOLVED_OPTIONS, SseBroadcaster],
  },
  {
    provide: SseMetrics,
    useFactory: (registry: ConnectionRegistry, counts: StreamCounts, broadcaster: SseBroadcaster) =>
      new SseMetrics(registry, counts, broadcaster),
    inject: [ConnectionRegistry, StreamCounts, SseBroadcaster],
  },
  {
    provide: Inspector,
    useFactory: (
      registry: ConnectionRegistry,
      metrics: SseMetrics,
      broadcaster: SseBroadcaster,
      backplane: SseBackplane,
    ) => new Inspector(registry, metrics, broadcaster, backplane),
    inject: [ConnectionRegistry, SseMetrics, SseBroadcaster, SseBackplane],
  },
  {
    provide: OpenTelemetryExport,
    useFactory: ({ openTelemetry }: ResolvedOptions, metrics: SseMetrics, observers: Observers) =>
      new OpenTelemetryExport(openTelemetry, metrics, observers),
    inject: [RESOLVED_OPTIONS, SseMetrics, Observers],
  },
];

/** What users inject, and what `@Sse()` needs in every module with a controller. */
export const EXPORTS = [
  StreamRoutes,
  SseConnections,
  SsePingService,
  SseShutdownService,
  SseBroadcaster,
  SseMetrics,
  SseBackplane,
];

/** @internal */
export function broadcasterOptions(
  { stream, channels, productions }: ResolvedOptions,
  registry: ConnectionRegistry,
): BroadcasterOptions {
  return {
    channels,
    productions,
    serialize: stream.serialize,
    errorEvent: stream.errorEvent,
    as: stream.as,
    report: (error) => registry.observer.failed(error),
  };
}

/**
 * Two of them would each have channels and connections of their own: what one publishes never reaches the other's clients.
 *
 * @throws {SseError} `SSE_CONFIGURED_TWICE`, when the application starts
 */
function refuseSecond(modules: ModulesContainer): void {
  const count = [...modules.values()].filter(({ providers }) => providers.has(MODULE_OPTIONS)).length;
  if (count < 2) return;
  throw new SseError(
    'SSE_CONFIGURED_TWICE',
    `SseModule.forRoot() or forRootAsync() is called ${count} times in this application. Call it once, in the root ` +
      'module: its providers are global. With isGlobal: false, keep what it returns in a constant, and import that.',
  );
}
