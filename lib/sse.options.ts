import type { FactoryProvider, ModuleMetadata, Type } from '@nestjs/common';
import { resolveLimits, type LimitOptions, type SseLimits } from './admission/limit-options.js';
import type { SseBackplane } from './backplane/backplane.js';
import {
  CHANNEL_OPTION_NAMES,
  resolveChannelOptions,
  type ChannelOptions,
  type SseChannelOptions,
} from './channel/channel-options.js';
import { resolveProductionsOptions, type SseProductionsOptions } from './production/production-options.js';
import {
  resolveStreamOptions,
  STREAM_DEFAULTS,
  STREAM_OPTION_NAMES,
  type SseStreamOptions,
  type StreamOptions,
} from './http/route-options.js';
import { resolveShutdownOptions, type SseShutdownOptions } from './lifecycle/shutdown-options.js';
import { HOOK_NAMES, resolveHooks, type SseStreamHooks } from './observability/hook-listener.js';
import { resolveOpenTelemetry, type SseOpenTelemetryOptions } from './observability/open-telemetry-options.js';
import { checkInspector, type SseInspectorOptions } from './inspector/inspector-options.js';
import { invalidOption, knownOptions, type OptionNames } from './protocol/check-option.js';
import { defaultGapEvent } from './protocol/client-events.js';
import { RIGHTS_OPTION_NAMES, type SseRightsOptions } from './rights/rights-options.js';

/**
 * The options of `SseModule.forRoot()`. All are optional; durations are in milliseconds, `false` disables.
 *
 * @publicApi
 */
export interface SseModuleOptions extends SseStreamOptions, SseRightsOptions, SseChannelOptions, SseStreamHooks {
  /** Whether every module can inject the providers of this one. @default true */
  isGlobal?: boolean;
  shutdown?: Partial<SseShutdownOptions>;
  /** What one node takes. @default no limits */
  limits?: SseLimits;
  /** What stores and orders published events. @default in this process's memory */
  backplane?: SseBackplane;
  /** What is produced into channels, all of it together. */
  productions?: Partial<SseProductionsOptions>;
  /** Where metrics and spans go. @default nowhere */
  openTelemetry?: SseOpenTelemetryOptions;
  /** A page that shows what the streams of this node do. @default none */
  inspector?: SseInspectorOptions;
}

/** Makes the options, for `forRootAsync({ useClass })`. */
export interface SseOptionsFactory {
  createSseOptions(): SseModuleOptions | Promise<SseModuleOptions>;
}

/**
 * The options of `SseModule.forRootAsync()`: one of `useFactory`, `useClass` and `useExisting`.
 *
 * @publicApi
 */
export interface SseModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** @default true */
  isGlobal?: boolean;
  /** As `SseModuleOptions.inspector`. It is given here, and not by the factory: Nest must know the routes before. */
  inspector?: SseInspectorOptions;
  inject?: FactoryProvider['inject'];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what is injected is the application's affair
  useFactory?: (...args: any[]) => SseModuleOptions | Promise<SseModuleOptions>;
  useClass?: Type<SseOptionsFactory>;
  useExisting?: Type<SseOptionsFactory>;
}

/** All options of the module, each feature's in one object, with nothing left out. */
export interface ResolvedOptions {
  readonly stream: StreamOptions;
  readonly shutdown: SseShutdownOptions;
  readonly channels: ChannelOptions;
  readonly productions: SseProductionsOptions;
  readonly backplane: SseBackplane | undefined;
  readonly hooks: SseStreamHooks;
  readonly openTelemetry: SseOpenTelemetryOptions;
  readonly limits: LimitOptions | undefined;
}

const MODULE_OPTION_NAMES: OptionNames<SseModuleOptions> = {
  ...STREAM_OPTION_NAMES,
  ...CHANNEL_OPTION_NAMES,
  ...RIGHTS_OPTION_NAMES,
  ...HOOK_NAMES,
  isGlobal: true,
  shutdown: true,
  limits: true,
  backplane: true,
  productions: true,
  openTelemetry: true,
  inspector: true,
};

const ASYNC_OPTION_NAMES: OptionNames<SseModuleAsyncOptions> = {
  imports: true,
  isGlobal: true,
  inject: true,
  useFactory: true,
  useClass: true,
  useExisting: true,
  inspector: true,
};

/**
 * Checks the options and fills in the defaults, once, at start-up.
 *
 * @throws {SseError} `SSE_INVALID_OPTION`
 * @internal
 */
export function resolveOptions(options: SseModuleOptions = {}): ResolvedOptions {
  knownOptions('', options, MODULE_OPTION_NAMES);
  checkInspector(options.inspector);
  const channels = resolveChannelOptions(options);
  const base = { ...STREAM_DEFAULTS, gapEvent: defaultGapEvent(channels.gapType) };
  return Object.freeze({
    stream: resolveStreamOptions(base, options),
    shutdown: resolveShutdownOptions(options.shutdown ?? {}),
    channels,
    productions: resolveProductionsOptions(options.productions ?? {}),
    backplane: checkBackplane(options.backplane),
    hooks: resolveHooks(options),
    openTelemetry: resolveOpenTelemetry(options.openTelemetry),
    limits: resolveLimits(options.limits),
  });
}

/**
 * @throws {SseError} `SSE_INVALID_OPTION` for an unknown option
 * @internal
 */
export function checkAsyncOptions(options: SseModuleAsyncOptions): SseModuleAsyncOptions {
  return knownOptions('forRootAsync', options, ASYNC_OPTION_NAMES);
}

function checkBackplane(backplane: SseBackplane | undefined): SseBackplane | undefined {
  // By what it can do: the package's two builds have a class each.
  if (backplane === undefined || typeof backplane.publish === 'function') return backplane;
  throw invalidOption('backplane', backplane, 'an SseBackplane, e.g. new RedisBackplane({ url })');
}
