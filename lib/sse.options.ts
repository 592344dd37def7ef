import type { FactoryProvider, ModuleMetadata, Type } from '@nestjs/common';
import {
  resolveStreamOptions,
  STREAM_DEFAULTS,
  type SseStreamOptions,
  type StreamOptions,
} from './http/route-options.js';
import { resolveShutdownOptions, type SseShutdownOptions } from './lifecycle/shutdown-options.js';
import { invalidOption } from './protocol/check-option.js';

/**
 * The options of `SseModule.forRoot()`. All are optional; durations are in milliseconds, `false` disables.
 *
 * @publicApi
 */
export interface SseModuleOptions extends SseStreamOptions {
  /** Whether every module can inject this one's providers. @default true */
  isGlobal?: boolean;
  shutdown?: Partial<SseShutdownOptions>;
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
}

const NAMES: readonly string[] = [
  'isGlobal',
  'headers',
  'retryMs',
  'lineEnding',
  'serialize',
  'writeTimeoutMs',
  'buffer',
  'ping',
  'errorEvent',
  'shutdown',
] satisfies (keyof SseModuleOptions)[];

/**
 * Checks the options and fills in the defaults, once, at start-up.
 *
 * @throws {SseError} `SSE_INVALID_OPTION`
 * @internal
 */
export function resolveOptions(options: SseModuleOptions = {}): ResolvedOptions {
  for (const name of Object.keys(options)) {
    if (!NAMES.includes(name)) throw invalidOption(name, options[name as keyof SseModuleOptions], NAMES.join(', '));
  }
  return Object.freeze({
    stream: resolveStreamOptions(STREAM_DEFAULTS, options),
    shutdown: resolveShutdownOptions(options.shutdown ?? {}),
  });
}
