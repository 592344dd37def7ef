import type { SseCloseReason } from '../connection/close-reason.js';
import { isInstance } from '../protocol/brand.js';
import { knownOptions, type OptionNames } from '../protocol/check-option.js';
import { STREAM_OPTION_NAMES, type SseRouteOptions } from './route-options.js';
import type { SseRightsOptions } from '../rights/rights-options.js';

/** The options of one answer. */
export interface SseResponseOptions extends Omit<SseRouteOptions, 'method' | keyof SseRightsOptions> {
  /** The status of the answer. A browser's `EventSource` takes nothing but 200. @default 200 */
  status?: number;
  /** Called once, when the stream has ended, with the reason. */
  onClose?: (reason: SseCloseReason) => void;
}

const RESPONSE_OPTION_NAMES: OptionNames<SseResponseOptions> = {
  ...STREAM_OPTION_NAMES,
  commit: true,
  done: true,
  status: true,
  onClose: true,
};

const SSE_RESPONSE: unique symbol = Symbol.for('nestjs-event-stream.response');
const SSE_JSON_ANSWER: unique symbol = Symbol.for('nestjs-event-stream.json-answer');

/**
 * A source with options of its own, for one answer.
 *
 * @example
 * return new SseResponse(this.quotes.of(symbol), { ping: { intervalMs: 5_000 }, onClose: () => this.quotes.leave(symbol) });
 *
 * @publicApi
 */
export class SseResponse {
  /** @throws {SseError} `SSE_INVALID_OPTION` for an unknown option. The values are checked when the handler has returned it. */
  constructor(
    /** Anything that a handler may return: an Observable, an iterable, a subscription … */
    readonly source: unknown,
    readonly options: SseResponseOptions = {},
  ) {
    knownOptions('', options, RESPONSE_OPTION_NAMES);
  }

  /** True for those of the package's other build too. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(this, SseResponse, SSE_RESPONSE, value);
  }

  /** @internal */
  get [SSE_RESPONSE](): true {
    return true;
  }

  /**
   * An answer without a stream. Nest sends it as it sends the answer of any other route: through all interceptors, as JSON.
   *
   * @param status @default the status of the route
   * @example
   * if (!body.stream) return SseResponse.json(await this.llm.complete(body));
   */
  static json(value: unknown, status?: number): SseJsonAnswer {
    return new SseJsonAnswer(value, status);
  }
}

/** What `SseResponse.json()` makes. */
export class SseJsonAnswer {
  constructor(
    readonly value: unknown,
    readonly status: number | undefined,
  ) {}

  static [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(this, SseJsonAnswer, SSE_JSON_ANSWER, value);
  }

  /** @internal */
  get [SSE_JSON_ANSWER](): true {
    return true;
  }
}
