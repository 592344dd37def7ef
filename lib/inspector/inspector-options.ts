import type { CanActivate, Type } from '@nestjs/common';
import { invalidOption, knownOptions, type OptionNames } from '../protocol/check-option.js';

/**
 * The inspector: a page that shows what the streams of this node do, live.
 *
 * @publicApi
 */
export interface SseInspectorOptions {
  /** Where the page is, e.g. `'internal/streams'`. A global prefix stands before it. */
  readonly path: string;
  /**
   * Who may see it, and close connections: a guard, or its class. A class gets what global modules export, and the `imports` of
   * `forRootAsync()`. `false` lets everybody in.
   */
  readonly guard: CanActivate | Type<CanActivate> | false;
}

const NAMES: OptionNames<SseInspectorOptions> = { path: true, guard: true };

const PATH = /^\/?[\w-]+(\/[\w-]+)*$/;

/** @throws {SseError} `SSE_INVALID_OPTION` @internal */
export function checkInspector(options: SseInspectorOptions | undefined): void {
  if (options === undefined) return;
  const { path, guard } = knownOptions('inspector', options, NAMES);
  if (typeof path !== 'string' || !PATH.test(path)) {
    throw invalidOption(
      'inspector.path',
      path,
      "names of letters, digits, _ and -, with / between them, e.g. 'internal/streams'",
    );
  }
  if (guard !== false && !isGuard(guard)) {
    throw invalidOption('inspector.guard', guard, 'a guard, the class of one, or false to let everybody in');
  }
}

function isGuard(guard: unknown): boolean {
  const one = typeof guard === 'function' ? (guard.prototype as unknown) : guard;
  return typeof (one as Partial<CanActivate> | undefined | null)?.canActivate === 'function';
}
