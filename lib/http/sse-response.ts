import type { SseCloseReason } from '../connection/close-reason.js';
import { isInstance } from '../protocol/brand.js';
import type { SseRouteOptions } from './route-options.js';

/** The options of one answer. */
export interface SseResponseOptions extends Omit<SseRouteOptions, 'method'> {
  /** The status of the answer. A browser's `EventSource` takes nothing but 200. @default 200 */
  status?: number;
  /** Called once, when the stream has ended, with the reason. */
  onClose?: (reason: SseCloseReason) => void;
}

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
  constructor(
    /** Anything that a handler may return: an Observable, an iterable, a subscription … */
    readonly source: unknown,
    readonly options: SseResponseOptions = {},
  ) {}

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
