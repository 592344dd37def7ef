import { NotAcceptableException, type CallHandler } from '@nestjs/common';
import { isObservable, Subscription, type Subscriber } from 'rxjs';
import { closeReason, type SseCloseReason } from '../connection/close-reason.js';
import type { ConnectionHub } from '../connection/connection-hub.js';
import { Connection, type Opening } from '../connection/connection.js';
import { FEED, isFeedSource } from '../connection/feed-source.js';
import { SourceFeed } from '../connection/source-feed.js';
import type { Writer } from '../connection/writer.js';
import type { SseHeaders } from '../protocol/headers.js';
import { SseError } from '../protocol/sse-error.js';
import { toSource } from '../source/to-source.js';
import { acceptsEventStream } from './accept.js';
import { ChainSource } from './chain-source.js';
import type { Exchange } from './exchange.js';
import { expectCall, type HandlerCall } from './handler-call.js';
import { isGone, watchClose } from './raw-exchange.js';
import { resolveStreamOptions, type StreamOptions } from './route-options.js';
import { SseJsonAnswer, SseResponse } from './sse-response.js';

/** What all requests of a route share. */
export interface StreamRoute {
  readonly options: StreamOptions;
  readonly isInnermost: boolean;
  readonly report: (error: unknown) => void;
}

/**
 * One request, from its arrival to the commit of its headers. After that nothing refers to it, and with it go Nest's
 * and rxjs's objects for the request; the connection lives on without them.
 *
 * @internal
 */
export class StreamRequest implements Opening, HandlerCall {
  private readonly connection: Connection;
  private readonly chain = new Subscription();
  private chained: ChainSource | undefined;
  private returned: unknown;
  private overrides: SseHeaders = {};
  private status: number | undefined;
  private isAnswered = false;
  private isDone = false;

  constructor(
    private readonly hub: ConnectionHub,
    private readonly exchange: Exchange,
    private readonly route: StreamRoute,
    private readonly subscriber: Subscriber<unknown>,
    request: unknown,
    lastEventId: string | undefined,
  ) {
    this.connection = new Connection(hub, request, lastEventId, route.options);
  }

  get isInnermost(): boolean {
    return this.route.isInnermost;
  }

  run(response: object, next: CallHandler): void {
    const { connection, exchange, subscriber } = this;
    connection.prepare(this);
    // Whoever is above may give up before the headers are out (a timeout, a client that left): so must we.
    subscriber.add(() => this.givenUp());
    watchClose(this.hub, exchange.req, exchange.res, connection);
    if (isGone(exchange.req, exchange.res)) {
      connection.end(closeReason('client_left'));
      return;
    }
    expectCall(response, this);
    this.chain.add(
      next.handle().subscribe({
        next: (value) =>
          this.chained ? this.chained.next(value) : this.answer(this.isInnermost ? this.returned : value),
        error: (error: unknown) => (this.chained ? this.chained.error(error) : this.fail(error)),
        complete: () => (this.chained ? this.chained.complete() : this.answer(undefined)),
      }),
    );
  }

  settled(value: unknown): unknown {
    if (this.connection.state !== 'opening') {
      this.discard(value);
      return undefined;
    }
    if (this.isInnermost) {
      this.returned = value;
      return undefined;
    }
    if (isObservable(value)) {
      this.chained = new ChainSource(() => this.chain.unsubscribe());
      this.answer(this.chained);
    }
    return value;
  }

  commit(): Writer {
    const { exchange, connection } = this;
    const writer = exchange.open(this.status ?? exchange.status, connection.options as StreamOptions, this.overrides);
    this.done();
    return writer;
  }

  abandon(reason: SseCloseReason): void {
    if (this.isDone) return;
    switch (reason.code) {
      case 'source_failed':
        this.done(reason.error);
        break;
      case 'client_left':
        this.exchange.seal();
        this.done();
        break;
      default:
        this.exchange.turnAway(this.hub.comeBack(), this.route.options);
        this.done();
    }
    this.chain.unsubscribe();
  }

  /** Decides, once, what the client gets for what the handler returned. */
  private answer(value: unknown): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    if (this.connection.state !== 'opening') return this.discard(value);
    try {
      if (value === undefined) throw forgottenReturn();
      if (value === null) this.answerWithout(() => this.exchange.answerNothing(this.overrides));
      else if (value instanceof SseJsonAnswer) this.answerJson(value);
      else if (value instanceof SseResponse) this.respond(value);
      else this.stream(value, this.route.options);
    } catch (error) {
      this.fail(error);
    }
  }

  private respond({ source, options }: SseResponse): void {
    const { status, headers, onClose } = options;
    const resolved = resolveStreamOptions(this.route.options, options);
    this.status = status;
    // What one answer decides stands above what the route has set with @Header().
    if (headers) this.overrides = headers;
    if (onClose) void this.connection.closed.then(onClose).catch(this.route.report);
    if (source === null) this.answerWithout(() => this.exchange.answerNothing(this.overrides));
    else this.stream(source, resolved);
  }

  private stream(source: unknown, options: StreamOptions): void {
    const { connection, exchange, route } = this;
    const runnable = isFeedSource(source) ? source : source instanceof ChainSource ? source : toSource(source);
    if (!acceptsEventStream(exchange.req.headers.accept)) {
      if (!isFeedSource(runnable)) runnable.cancel();
      throw new NotAcceptableException('This resource is an event stream: accept text/event-stream.');
    }
    connection.options = options;
    if (exchange.isHead) {
      if (!isFeedSource(runnable)) runnable.cancel();
      const status = this.status ?? exchange.status;
      this.answerWithout(() => exchange.answerHead(status, options, this.overrides));
      return;
    }
    if (isFeedSource(runnable)) runnable[FEED](connection);
    else new SourceFeed(connection, runnable, { ...options, report: route.report }).start();
    if (options.commit === 'immediately' && connection.state === 'opening') setImmediate(commitNow, connection);
  }

  /** Nest replies, as it would on any other route, after the interceptors above have had their say. */
  private answerJson({ value, status }: SseJsonAnswer): void {
    if (status !== undefined) this.exchange.status = status;
    this.answerWithout(() => undefined, value);
  }

  private answerWithout(write: () => void, value?: unknown): void {
    write();
    this.done(undefined, value);
    this.connection.end(closeReason('source_completed'));
  }

  private fail(error: unknown): void {
    this.connection.end(closeReason('source_failed', undefined, error));
  }

  /** Lets the interceptors above go on. */
  private done(error?: unknown, value?: unknown): void {
    if (this.isDone) return;
    this.isDone = true;
    const { subscriber } = this;
    if (error !== undefined) return subscriber.error(error);
    subscriber.next(value);
    subscriber.complete();
  }

  private givenUp(): void {
    if (this.isDone) return;
    this.isDone = true;
    const { req, res } = this.exchange;
    const reason = isGone(req, res)
      ? closeReason('client_left')
      : closeReason('source_failed', 'an interceptor gave the request up before its headers were sent');
    this.connection.end(reason);
    this.chain.unsubscribe();
  }

  /** Releases a source that came too late. */
  private discard(value: unknown): void {
    const source = value instanceof SseResponse ? value.source : value;
    if (source === null || source === undefined || source instanceof SseJsonAnswer || isFeedSource(source)) return;
    try {
      toSource(source).cancel();
    } catch {
      // It is no source: there is nothing to release, and nobody to tell.
    }
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
