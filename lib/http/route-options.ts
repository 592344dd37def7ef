import { HttpException, type RequestMethod } from '@nestjs/common';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import {
  CONNECTION_DEFAULTS,
  CONNECTION_OPTION_NAMES,
  resolveConnectionOptions,
  type ConnectionOptions,
  type SseConnectionOptions,
} from '../connection/connection-options.js';
import { invalidOption, invalidSecret, objectOption, oneOf, type OptionNames } from '../protocol/check-option.js';
import { DEFAULT_HEADERS, mergeHeaders, type SseHeaders } from '../protocol/headers.js';
import { show } from '../protocol/show.js';
import {
  resolveRights,
  RIGHTS_DEFAULTS,
  RIGHTS_OPTION_NAMES,
  type RightsOptions,
  type SseRightsOptions,
} from '../rights/rights-options.js';
import type { SseEventInit } from '../protocol/sse-event.js';

/** What can be set for the module, for a route and for one answer. */
export interface SseStreamOptions extends SseConnectionOptions {
  /**
   * Headers that are added to the default ones, or replace them. `null` removes one. A header that a handler or `@Header()` has
   * set wins over those of the module and the route. Those of an `SseResponse` win over all. If `Cache-Control` has `public`,
   * `Last-Event-ID` is added to `Vary`.
   *
   * @default {}
   */
  headers?: SseHeaders;
}

/** What a route can set: the second argument of `@Sse()`. */
export interface SseRouteOptions extends SseStreamOptions, SseRightsOptions {
  /** @default RequestMethod.GET */
  method?: RequestMethod;
  /**
   * When the headers leave. `'immediately'`: one macrotask after the source is ready. `'firstEvent'`: with the first event, so
   * that a source that fails before it answers with the status of its error.
   *
   * @default 'immediately'
   */
  commit?: 'immediately' | 'firstEvent';
  /** The data of a last event, which is sent when the source has completed, e.g. `'[DONE]'`. @default none */
  done?: string;
}

export type ResponseHeaders = Readonly<Record<string, string | string[]>>;

/**
 * How one stream is answered; nothing is left out.
 *
 * @internal
 */
export interface StreamOptions extends ConnectionOptions {
  /** What `headers` of the module and of the route say together. */
  readonly headers: SseHeaders;
  /** All response headers, made once for each route: for HTTP/1 and for later versions. */
  readonly responseHeaders: { readonly http1: ResponseHeaders; readonly http2: ResponseHeaders };
  readonly commit: 'immediately' | 'firstEvent';
  readonly done: string | undefined;
  readonly rights: RightsOptions;
}

/** @internal */
export const STREAM_OPTION_NAMES: OptionNames<SseStreamOptions> = {
  ...CONNECTION_OPTION_NAMES,
  headers: true,
};

/** @internal */
export const ROUTE_OPTION_NAMES: OptionNames<SseRouteOptions> = {
  ...STREAM_OPTION_NAMES,
  ...RIGHTS_OPTION_NAMES,
  method: true,
  commit: true,
  done: true,
};

/** @internal */
export const STREAM_DEFAULTS: StreamOptions = Object.freeze({
  ...CONNECTION_DEFAULTS,
  ...headerOptions({}),
  errorEvent: safeErrorEvent,
  commit: 'immediately',
  done: undefined,
  rights: RIGHTS_DEFAULTS,
});

/**
 * What `overrides` leave out is taken from `base`.
 *
 * @throws {SseError} `SSE_INVALID_OPTION`
 * @internal
 */
export function resolveStreamOptions(base: StreamOptions, overrides: SseRouteOptions): StreamOptions {
  const { headers, commit, done } = overrides;
  if (done !== undefined && typeof done !== 'string') throw invalidOption('done', done, 'a string');
  return Object.freeze({
    ...base,
    ...resolveConnectionOptions(base, overrides),
    ...(headers === undefined ? undefined : headerOptions({ ...base.headers, ...checkHeaders(headers) })),
    commit: commit === undefined ? base.commit : oneOf('commit', commit, ['immediately', 'firstEvent']),
    done: done === undefined ? base.done : done,
    rights: resolveRights(base.rights, overrides),
  });
}

function headerOptions(headers: SseHeaders): Pick<StreamOptions, 'headers' | 'responseHeaders'> {
  return {
    headers: Object.freeze(headers),
    responseHeaders: Object.freeze({
      http1: Object.freeze(mergeHeaders(1, DEFAULT_HEADERS, headers)),
      http2: Object.freeze(mergeHeaders(2, DEFAULT_HEADERS, headers)),
    }),
  };
}

/** In one case, so that a route replaces what the module has set. */
function checkHeaders(headers: SseHeaders): SseHeaders {
  // Without a prototype: a header may be called `__proto__`.
  const checked = Object.create(null) as Record<string, SseHeaders[string]>;
  for (const [name, value] of Object.entries(objectOption('headers', headers))) {
    try {
      validateHeaderName(name);
      const values = Array.isArray(value) ? (value as readonly string[]) : [value ?? ''];
      for (const one of values) validateHeaderValue(name, String(one));
    } catch {
      throw invalidSecret(`headers[${show(name)}]`, value, 'a valid header name and value (RFC 9110 §5)');
    }
    checked[name.toLowerCase()] = value;
  }
  return checked;
}

/** Shows no more of an error than Nest's own exception filter would. */
function safeErrorEvent(error: unknown, isText: boolean): SseEventInit {
  const [message, statusCode] =
    error instanceof HttpException ? [error.message, error.getStatus()] : ['Internal server error', 500];
  return { type: 'error', data: isText ? message : { message, statusCode } };
}
