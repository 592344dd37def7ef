import type { SseRequest } from '../connection/sse-connection.js';
import {
  functionOption,
  integerOption,
  invalidOption,
  knownOptions,
  MAX_TIMER_MS,
  type OptionNames,
} from '../protocol/check-option.js';

/**
 * Asks again, while streams are open, whether their clients may still read.
 *
 * @example
 * reauthorize: { key: (request: AuthRequest) => request.user.id, check: (_request, id) => sessions.isValid(id) }
 *
 * @publicApi
 */
export interface SseReauthorizeOptions {
  /** How often each key is asked for, in milliseconds. @default 30_000 */
  everyMs?: number;
  /**
   * Whether the client may go on. Only `true` says so. A check that throws an `HttpException` with 401 or 403 says no. When it
   * throws anything else, or takes longer than `everyMs`, it is called once more soon; then it counts as no.
   *
   * @param request of the connection with this key that has been open the longest
   */
  check(this: void, request: SseRequest, key: string | undefined): boolean | Promise<boolean>;
  /**
   * Names who reads, such as a user's id. One check serves all connections with the same key. `null`: this one is never checked.
   *
   * @default none: each connection is checked by itself
   */
  key?(this: void, request: SseRequest): string | null;
}

/** What can be set for the module and for a route. */
export interface SseRightsOptions {
  /**
   * When the right to read ends, in milliseconds since the epoch or as a `Date`: the `exp` of a JWT, times 1,000. Not a byte
   * leaves after it. It is called after the guards. The client gets a last event of type `unauthorized`, and 401 if the time is over
   * before the stream begins. `null` or `undefined`: never.
   *
   * @default never
   */
  expiresAt?(this: void, request: SseRequest): number | Date | null | undefined;
  /** @default nobody is asked again */
  reauthorize?: SseReauthorizeOptions | false;
  /**
   * Pages of which other origins may read with credentials, e.g. `https://app.example.com`. A page of an origin that is not in the
   * list, nor the server's own, is answered 403. The answer has the CORS headers that the browser asks for, and `Vary: Origin`.
   *
   * @default no request is refused for its origin, and CORS is what the application has set up
   */
  allowedOrigins?: readonly string[];
}

/** @internal */
export const RIGHTS_OPTION_NAMES: OptionNames<SseRightsOptions> = {
  expiresAt: true,
  reauthorize: true,
  allowedOrigins: true,
};

const REAUTHORIZE_OPTION_NAMES: OptionNames<SseReauthorizeOptions> = { everyMs: true, check: true, key: true };

/** The same with nothing left out. */
export interface RightsOptions {
  readonly expiresAt: SseRightsOptions['expiresAt'];
  readonly reauthorize: Reauthorize | undefined;
  readonly allowedOrigins: readonly string[] | undefined;
}

/** One object for all routes that share it: their connections are checked together. */
export type Reauthorize = Readonly<Required<Omit<SseReauthorizeOptions, 'key'>> & Pick<SseReauthorizeOptions, 'key'>>;

/** @internal */
export const RIGHTS_DEFAULTS: RightsOptions = Object.freeze({
  expiresAt: undefined,
  reauthorize: undefined,
  allowedOrigins: undefined,
});

/**
 * What `overrides` leave out is taken from `base`.
 *
 * @throws {SseError} `SSE_INVALID_OPTION`
 * @internal
 */
export function resolveRights(base: RightsOptions, overrides: SseRightsOptions): RightsOptions {
  const { expiresAt, reauthorize, allowedOrigins } = overrides;
  return {
    expiresAt: expiresAt === undefined ? base.expiresAt : functionOption('expiresAt', expiresAt),
    reauthorize: reauthorize === undefined ? base.reauthorize : resolveReauthorize(reauthorize),
    allowedOrigins: allowedOrigins === undefined ? base.allowedOrigins : checkOrigins(allowedOrigins),
  };
}

function checkOrigins(origins: readonly string[]): readonly string[] {
  const allowed = 'a list of origins such as "https://app.example.com": scheme, host and port, no path';
  if (!Array.isArray(origins)) throw invalidOption('allowedOrigins', origins, allowed);
  origins.forEach((origin: unknown, index) => {
    const isOrigin = typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin;
    if (!isOrigin) throw invalidOption(`allowedOrigins[${index}]`, origin, allowed);
  });
  return Object.freeze([...(origins as readonly string[])]);
}

function resolveReauthorize(reauthorize: SseReauthorizeOptions | false): Reauthorize | undefined {
  if (reauthorize === false) return undefined;
  const { everyMs = 30_000, check, key } = knownOptions('reauthorize', reauthorize, REAUTHORIZE_OPTION_NAMES);
  return Object.freeze({
    everyMs: integerOption('reauthorize.everyMs', everyMs, 1, MAX_TIMER_MS),
    check: functionOption('reauthorize.check', check),
    key: key === undefined ? undefined : functionOption('reauthorize.key', key),
  });
}
