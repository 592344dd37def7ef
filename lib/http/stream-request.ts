import { NotAcceptableException } from '@nestjs/common';
import { isObservable, type Observable, type Subscriber } from 'rxjs';
import { closeReason, isGraceful, type SseCloseReason } from '../connection/close-reason.js';
import type { ConnectionHub } from '../connection/connection-hub.js';
import { Connection, type Opening } from '../connection/connection.js';
import { FEED, isFeedSource } from '../connection/feed-source.js';
import { SourceFeed } from '../connection/source-feed.js';
import { endWithFailure, type StreamEnd } from '../connection/stream-end.js';
import type { Writer } from '../connection/writer.js';
import { integerOption } from '../protocol/check-option.js';
import type { SseHeaders } from '../protocol/headers.js';
import { SseError } from '../protocol/sse-error.js';
import { isThenable } from '../source/thenable.js';
import { toSource } from '../source/to-source.js';
import { acceptsEventStream } from './accept.js';
import { NO_HEADERS, type Exchange } from './exchange.js';
import { expectCall, type Arrivals, type Callee, type HandlerCall } from './handler-call.js';
import { HandlerChain, type ChainListener } from './handler-chain.js';
import { Outcome, type Waiter } from './outcome.js';
import { headerOf, isGone, watchClose } from './raw-exchange.js';
import { release } from './release.js';
import { resolveStreamOptions, type StreamOptions } from './route-options.js';
import { SseJsonAnswer, SseResponse } from './sse-response.js';

/** What all requests of a route share. */
export interface StreamRoute {
  readonly options: StreamOptions;
  /** `@Redirect()`: Nest answers by itself. */
  readonly isRedirect: boolean;
  readonly report: (error: unknown) => void;
}

/**
 * One request, from its arrival to the commit of its headers. After that nothing refers to it, and with it go Nest's
 * and rxjs's objects for the request; the connection lives on without them.
 *
 * @internal
 */
export class StreamRequest implements Opening, HandlerCall, ChainListener {
  readonly connection: Connection;
  callee: Callee | undefined;
  /** The interceptors below, if there are any. */
  private chain: HandlerChain | undefined;
  private json: SseJsonAnswer | undefined;
  private overrides: SseHeaders = NO_HEADERS;
  private status: number | undefined;
  private isAnswered = false;
  private isDone = false;

  constructor(
    private readonly routes: Arrivals,
    private readonly hub: ConnectionHub,
    private readonly exchange: Exchange,
    private readonly route: StreamRoute,
    private readonly waiter: Waiter,
  ) {
    const { req, res } = exchange;
    this.connection = new Connection(hub, exchange.request, exchange.lastEventId, route.options);
    this.connection.prepare(this);
    watchClose(hub, req, res, this.connection);
    if (isGone(req, res)) this.connection.end(closeReason('client_left'));
  }

  get isOver(): boolean {
    const { state } = this.connection;
    return state === 'closing' || state === 'closed';
  }

  /** Calls the handler through the interceptors below, and takes what comes out of them. */
  follow(handled: Observable<unknown>, subscriber: Subscriber<unknown>): void {
    if (this.isOver) return;
    // Whoever is above may give up before the headers are out (a timeout, a client that left): so must we.
    subscriber.add(() => this.givenUp());
    expectCall(this.exchange.response, this);
    this.chain = new HandlerChain();
    this.chain.subscribe(handled, this);
  }

  begin(callee: Callee): void {
    this.callee = callee;
    if (this.isDone) this.forget();
  }

  again(): void {
    this.callee = undefined;
    if (!this.chain) this.givenUp();
  }

  returned(value: unknown): unknown {
    if (!isThenable(value)) return this.settled(value);
    // A promise for a promise: a decorator above may wait for the handler, to end a transaction for example.
    return Promise.resolve(value).then(
      (settled) => this.settled(settled),
      (error: unknown) => this.threw(error),
    );
  }

  threw(error: unknown): unknown {
    // The interceptors below come first: they may catch it, or try again.
    if (this.chain) throw error;
    this.failed(error);
    return this.outcome;
  }

  received(value: unknown): void {
    this.answer(this.json ? SseResponse.json(value, this.json.status) : value);
  }

  failed(error: unknown): void {
    endWithFailure(this.connection, error, this.endOf(this.connection.options as StreamOptions));
  }

  commit(): Writer | Promise<Writer> {
    this.checkAccepted();
    const { exchange, connection } = this;
    const open = () => {
      const writer = exchange.open(this.status ?? exchange.status, connection.options as StreamOptions, this.overrides);
      this.done();
      return writer;
    };
    const pending = exchange.beforeHeaders();
    return pending ? pending.then(open) : open();
  }

  abandon({ code, reason, error }: SseCloseReason): void {
    if (this.isDone) {
      // Answered without a stream, or given up from above.
    } else if (this.exchange.isEnded) {
      // By somebody else: what he has said is on its way.
      this.done();
    } else if (code === 'source_failed') {
      this.done(error ?? new Error(reason));
    } else if (code === 'source_completed') {
      // It completed without having anything to send: there is nothing to come back for.
      this.exchange.answerNothing(this.overrides);
      this.done();
    } else {
      if (isGraceful(code)) this.exchange.turnAway(this.hub.comeBack(), this.route.options);
      else this.exchange.drop();
      this.done();
    }
    this.chain?.cancel();
  }

  /** What Nest gets in place of what the handler returned. */
  private get outcome(): unknown {
    return this.waiter instanceof Outcome ? this.waiter.get(() => this.givenUp()) : undefined;
  }

  private settled(value: unknown): unknown {
    if (this.isOver) this.discard(value);
    else if (this.chain) return this.mapped(value, this.chain);
    else this.answer(value);
    return this.outcome;
  }

  /** @returns what the interceptors below get to see of what the handler returned */
  private mapped(value: unknown, chain: HandlerChain): unknown {
    // What Nest will send goes through them as on any other route, and so does each value of an Observable. Any other
    // stream is nothing that they could map, and starts right away.
    if (value instanceof SseJsonAnswer) {
      this.json = value;
      return value.value;
    }
    if (isObservable(value)) {
      this.answer(chain);
      return value;
    }
    this.answer(value);
    return undefined;
  }

  /** Decides, once, what the client gets for what the handler returned. */
  private answer(value: unknown): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    if (this.isOver) return this.discard(value);
    const { exchange, connection } = this;
    try {
      // A handler with `@Res()` may have answered by itself.
      if (value == null && connection.state === 'opening' && exchange.isSent) this.answerWithout(() => exchange.seal());
      else if (value === undefined) throw forgottenReturn();
      else if (value === null) this.answerNothing();
      else if (value instanceof SseJsonAnswer) this.answerJson(value);
      else if (value instanceof SseResponse) this.respond(value);
      else this.stream(value, this.route.options);
    } catch (error) {
      this.failed(error);
      release(value);
    }
  }

  private respond(response: SseResponse): void {
    const { source, options } = response;
    this.tellWhenClosed(response);
    const resolved = resolveStreamOptions(this.route.options, options);
    const { status } = options;
    this.status = status === undefined ? undefined : integerOption('status', status, 200, 599);
    // What one answer decides stands above what the route has set with @Header().
    if (options.headers) this.overrides = options.headers;
    if (source === null) this.answerNothing();
    else this.stream(source, resolved);
  }

  private stream(value: unknown, options: StreamOptions): void {
    const { connection, exchange } = this;
    const source = isFeedSource(value) ? value : toSource(value);
    connection.options = options;
    this.checkAccepted();
    if (exchange.isHead) {
      release(source);
      const status = this.status ?? exchange.status;
      return this.finishHeaders(() => exchange.answerHead(status, options, this.overrides));
    }
    if (isFeedSource(source)) source[FEED](connection, this.endOf(options));
    else new SourceFeed(connection, source, this.endOf(options)).start();
    if (options.commit === 'immediately' && connection.state === 'opening') setImmediate(commitNow, connection);
  }

  private checkAccepted(): void {
    if (acceptsEventStream(headerOf(this.exchange.req, 'accept'))) return;
    throw new NotAcceptableException('This resource is an event stream: accept text/event-stream.');
  }

  private answerNothing(): void {
    this.finishHeaders(() => this.exchange.answerNothing(this.overrides));
  }

  /** Nest replies, as it would on any other route, after the interceptors above have had their say. */
  private answerJson({ value, status }: SseJsonAnswer): void {
    if (this.connection.state === 'open') throw tooLateForJson();
    if (status !== undefined) this.exchange.status = status;
    this.answerWithout(() => undefined, value);
  }

  /** Sends what is all headers; or ends the stream that the handler began by `SseConnection.send()`. */
  private finishHeaders(send: () => void): void {
    const pending = this.connection.state === 'open' ? undefined : this.exchange.beforeHeaders();
    if (pending) void pending.then(() => this.answerWithout(send)).catch((error: unknown) => this.failed(error));
    else this.answerWithout(this.connection.state === 'open' ? () => undefined : send);
  }

  private answerWithout(send: () => void, value?: unknown): void {
    send();
    this.done(undefined, value);
    this.connection.end(closeReason('source_completed'));
  }

  /** Lets the interceptors above go on. */
  private done(error?: unknown, value?: unknown): void {
    if (this.isDone) return;
    this.isDone = true;
    const { waiter } = this;
    if (error !== undefined) {
      // Somebody above may try again.
      expectCall(this.exchange.response, this.routes);
      return waiter.error(error);
    }
    // A handler that is still to be called must find this, to be followed, or not to be called.
    if (this.callee || (this.chain && !this.isOver)) this.forget();
    waiter.next(value);
    waiter.complete();
  }

  /** Nothing may refer to this for as long as the client stays. */
  private forget(): void {
    expectCall(this.exchange.response, this.chain ? null : (this.callee ?? null));
  }

  private givenUp(): void {
    if (this.isDone) return;
    this.isDone = true;
    const { req, res, response } = this.exchange;
    expectCall(response, this.routes);
    this.connection.end(
      isGone(req, res)
        ? closeReason('client_left')
        : closeReason('source_failed', 'an interceptor gave the request up before its headers were sent'),
    );
  }

  /** Takes what came too late: nobody waits for it, but it may hold something. */
  private discard(value: unknown): void {
    if (value instanceof SseResponse) this.tellWhenClosed(value);
    release(value);
  }

  private tellWhenClosed({ options: { onClose } }: SseResponse): void {
    if (onClose) void this.connection.closed.then(onClose).catch(this.route.report);
  }

  private endOf({ done, errorEvent }: StreamOptions): StreamEnd {
    return { done, errorEvent, report: this.route.report };
  }
}

function commitNow(connection: Connection): void {
  try {
    connection.commit();
  } catch (error) {
    connection.end(closeReason('source_failed', undefined, error));
  }
}

function forgottenReturn(): SseError {
  return new SseError(
    'SSE_NO_RETURN',
    'An @Sse() handler returned undefined. Return a source (an Observable, an iterable, a subscription), or null to answer 204 No Content.',
  );
}

function tooLateForJson(): SseError {
  return new SseError(
    'SSE_ALREADY_STARTED',
    'An @Sse() handler returned SseResponse.json() after it had sent events with SseConnection.send(). Decide before the first send().',
  );
}
