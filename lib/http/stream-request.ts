import { ANSWERED, GUARDED, type Admission, type AdmissionStage } from '../admission/admission.js';
import { closeReason, isGraceful, type SseCloseReason } from '../connection/close-reason.js';
import type { Connection } from '../connection/connection.js';
import type { Opening } from '../connection/opening.js';
import { FEED, isSharedSource } from '../connection/shared-source.js';
import { SourceFeed } from '../connection/source-feed.js';
import { endWithFailure, type StreamEnd } from '../connection/stream-end.js';
import type { Writer } from '../connection/writer.js';
import { integerOption } from '../protocol/check-option.js';
import type { SseHeaders } from '../protocol/headers.js';
import { SseError } from '../protocol/sse-error.js';
import { isThenable } from '../source/thenable.js';
import { toSource } from '../source/to-source.js';
import { answerOf, type Answer } from './handler-answer.js';
import { toHttpError } from './http-error.js';
import { NO_HEADERS, type PlatformReply } from './platform-reply.js';
import { releaseSource } from './release-source.js';
import type { Handler, MaybeTaken, TakenRequest } from './request-state.js';
import { resolveStreamOptions, type StreamOptions } from './route-options.js';
import type { RouteRights } from './route-rights.js';
import { type SseJsonAnswer, SseResponse } from './sse-response.js';
import { setImmediate } from '../protocol/event-loop.js';

/** What all requests of a route share. */
export interface StreamRoute {
  readonly options: StreamOptions;
  readonly report: (error: unknown) => void;
  readonly end: StreamEnd;
  readonly admission: Admission;
  readonly rights: RouteRights;
}

/** Keeps, for each response, how far its request is. */
export interface RequestMarks {
  /** @param state `undefined`: as if it had not arrived */
  mark(response: object, state: MaybeTaken | undefined): void;
}

/**
 * One request, from its arrival to the commit of its headers. After that nothing refers to it, and with it go Nest's
 * objects for the request; the connection lives on without them.
 *
 * @internal
 */
export class StreamRequest implements Opening, TakenRequest {
  protected handler: Handler | undefined;
  private status: number | undefined;
  private overrides: SseHeaders = NO_HEADERS;
  /** Nothing more is decided by this request: the headers were sent, or somebody else answers. */
  private isSettled = false;
  private error: unknown;
  private waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;

  constructor(
    private readonly marks: RequestMarks,
    readonly connection: Connection,
    readonly reply: PlatformReply,
    readonly route: StreamRoute,
    /** How far the admission has been asked. */
    public stage: AdmissionStage | 0 = 0,
  ) {
    connection.prepare(this);
  }

  /** The handler need not be called any more. */
  get isOver(): boolean {
    const { state } = this.connection;
    return state === 'closing' || state === 'closed';
  }

  /** Asks whether the request may go on, and read; once at each stage, however often its handler is called. */
  pass(stage: AdmissionStage): void {
    if (this.stage >= stage || this.isOver) return;
    this.stage = stage;
    const { connection, route } = this;
    try {
      const refusal = route.admission.ask(connection, stage);
      // The text is for a stream that has begun, by `SseConnection.send()`.
      if (refusal) connection.end(refusal, route.admission.answerTo(refusal).text);
      // Not before guards: they say who the client is.
      else if (stage === GUARDED) route.rights.begin(connection, this.reply);
    } catch (error) {
      this.failed(error);
    }
  }

  run(handler: Handler, call: () => unknown): unknown {
    // A handler that calls another decorated method, with the same response.
    if (this.handler && this.handler !== handler) return call();
    this.handler = handler;
    if (this.isSettled) this.marks.mark(this.reply.response, null);
    if (this.isOver) return this.result();
    let value: unknown;
    try {
      value = call();
    } catch (error) {
      this.failed(error);
      return this.result();
    }
    if (isThenable(value)) return this.runAsync(value);
    this.returned(value);
    return this.result();
  }

  commit(): Writer | Promise<Writer> {
    const pending = this.reply.beforeHeaders();
    return pending ? pending.then(() => this.open()) : this.open();
  }

  abandon(ending: SseCloseReason): void {
    const { code } = ending;
    const { reply } = this;
    if (this.isSettled) return;
    const isFailure = code === 'source_failed' || code === 'unauthorized';
    if (isFailure && !reply.isEnded) return this.settle(toHttpError(ending));
    // By somebody else, the handler perhaps: what he has said is on its way, and the rest of it is his affair.
    if (reply.isSent) return this.settle();
    // It completed without having anything to send: there is nothing to come back for.
    if (code === 'source_completed') reply.answerNothing(this.overrides);
    else if (isGraceful(code)) reply.turnAway(this.route.admission.answerTo(ending), this.route.options);
    else reply.drop();
    this.settle();
  }

  failed(error: unknown): void {
    endWithFailure(this.connection, error, this.end);
  }

  /** What Nest waits for. @throws what the request failed with */
  result(): Promise<void> | undefined {
    if (!this.isSettled) return new Promise((resolve, reject) => (this.waiting = { resolve, reject }));
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- what was thrown by whoever failed
    if (this.error !== undefined) throw this.error;
    return undefined;
  }

  /**
   * Decides what the client gets for what the handler returned.
   *
   * @throws {SseError} for what cannot be answered
   */
  protected decide(value: unknown): Answer {
    if (value == null && this.connection.state === 'opening' && this.reply.isSent) return { kind: 'own' };
    const answer = answerOf(value, this.connection.state === 'open');
    if (value instanceof SseResponse) this.adopt(value);
    if (answer.kind !== 'stream') return answer;
    this.pass(ANSWERED);
    if (!this.isOver) return answer;
    releaseSource(answer.source);
    return { kind: 'refused' };
  }

  /** Answers, or begins to. */
  protected give(answer: Answer): void {
    switch (answer.kind) {
      case 'stream':
        return this.stream(answer.source);
      case 'json':
        return this.giveJson(answer.json);
      case 'nothing':
        return this.sendHeadersOnly(() => this.reply.answerNothing(this.overrides));
      case 'own':
        return this.answerWithoutStream(() => undefined);
      case 'refused':
        return;
    }
  }

  protected stream(value: unknown): void {
    const { connection, reply } = this;
    const source = isSharedSource(value) ? value : toSource(value);
    const options = connection.options as StreamOptions;
    if (reply.isHead) {
      releaseSource(source);
      const status = this.status ?? reply.status;
      return this.sendHeadersOnly(() => reply.answerHead(status, options, this.overrides));
    }
    let pending: Promise<void> | undefined;
    if (isSharedSource(source)) pending = source[FEED](connection, this.end);
    else new SourceFeed(connection, source, this.end).start();
    this.commitAfter(pending);
  }

  /** Commits the headers one macrotask from now, or when it is known whether there is a stream at all. */
  protected commitAfter(pending: Promise<void> | undefined): void {
    const { connection } = this;
    if ((connection.options as StreamOptions).commit !== 'immediately' || connection.state !== 'opening') return;
    if (pending) void pending.then(() => commitNow(connection));
    else setImmediate(commitNow, connection);
  }

  /** Takes what came too late: nobody waits for it, but it may hold something. */
  protected releaseUnused(value: unknown): void {
    if (value instanceof SseResponse) this.tellWhenClosed(value);
    releaseSource(value);
  }

  protected get end(): StreamEnd {
    const { route, connection } = this;
    // All connections of a route share one, as long as they have its options.
    if (connection.options === route.options) return route.end;
    return streamEnd(connection.options as StreamOptions, route.report);
  }

  /** Lets Nest go on. A request that failed may be tried again, by a decorator above `@Sse()`: as a new one. */
  protected settle(error?: unknown): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.error = error;
    this.detach(error === undefined ? null : undefined);
    if (error === undefined) this.waiting?.resolve();
    else this.waiting?.reject(error);
  }

  /** Nothing of the response may refer to this for as long as the client stays. */
  protected detach(state: null | undefined): void {
    // A handler that is still to be called must find this, to be followed, or not to be called.
    if (this.handler || state === undefined) this.marks.mark(this.reply.response, state);
  }

  private async runAsync(promise: PromiseLike<unknown>): Promise<unknown> {
    let value: unknown;
    try {
      value = await promise;
    } catch (error) {
      this.failed(error);
      return this.result();
    }
    this.returned(value);
    return this.result();
  }

  private returned(value: unknown): void {
    if (this.isOver) return this.releaseUnused(value);
    try {
      this.give(this.decide(value));
    } catch (error) {
      this.failed(error);
      releaseSource(value);
    }
  }

  private open(): Writer {
    // It failed, or its client left, while a hook of the platform was pending.
    if (this.isSettled) throw new SseError('SSE_CLOSED', 'The request was answered in another way.');
    const { reply, connection } = this;
    const writer = reply.open(this.status ?? reply.status, connection.options as StreamOptions, this.overrides);
    this.settle();
    return writer;
  }

  private adopt(response: SseResponse): void {
    const { options } = response;
    this.tellWhenClosed(response);
    this.connection.options = resolveStreamOptions(this.route.options, options);
    if (options.status !== undefined) this.status = integerOption('status', options.status, 200, 599);
    // What one answer decides stands above what the route has set with @Header().
    if (options.headers) this.overrides = options.headers;
  }

  private giveJson({ value, status }: SseJsonAnswer): void {
    if (status !== undefined) this.reply.status = status;
    this.answerWithoutStream(() => this.reply.answerWith(value));
  }

  /** Sends what is all headers; or ends the stream that has begun before, by `SseConnection.send()`. */
  private sendHeadersOnly(send: () => void): void {
    const isOpen = this.connection.state === 'open';
    const pending = isOpen ? undefined : this.reply.beforeHeaders();
    if (pending) void pending.then(() => this.answerWithoutStream(send)).catch((error: unknown) => this.failed(error));
    else this.answerWithoutStream(isOpen ? () => undefined : send);
  }

  private answerWithoutStream(send: () => void): void {
    if (!this.isSettled) send();
    this.settle();
    this.connection.end(closeReason('source_completed'));
  }

  private tellWhenClosed({ options: { onClose } }: SseResponse): void {
    if (onClose) void this.connection.closed.then(onClose).catch(this.route.report);
  }
}

export function streamEnd({ done }: StreamOptions, report: (error: unknown) => void): StreamEnd {
  return { done, report };
}

function commitNow(connection: Connection): void {
  try {
    connection.commit();
  } catch (error) {
    connection.end(closeReason('source_failed', undefined, error));
  }
}
