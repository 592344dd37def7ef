import { AsyncResource } from 'node:async_hooks';
import { EMPTY, isObservable, Observable, of } from 'rxjs';
import { FEED, isSharedSource, type SharedSource } from '../connection/shared-source.js';
import { SourceFeed } from '../connection/source-feed.js';
import { SseError } from '../protocol/sse-error.js';
import { toEventAs } from '../protocol/sse-event-like.js';
import { isThenable } from '../source/thenable.js';
import { toSource } from '../source/to-source.js';
import type { Answer } from './handler-answer.js';
import { InterceptorSource, type InterceptorSourceOwner } from './interceptor-source.js';
import { releaseSource } from './release-source.js';
import type { Handler } from './request-state.js';
import { SseResponse } from './sse-response.js';
import { StreamRequest } from './stream-request.js';
import { setImmediate } from '../protocol/event-loop.js';

/**
 * A request whose route has interceptors: they get to see each event of what the handler returned, and what comes out of
 * them is the stream. It stays as long as they do.
 *
 * @internal
 */
export class InterceptedRequest extends StreamRequest implements InterceptorSourceOwner {
  private readonly chain = new InterceptorSource(this);
  /** What the handler decided when it was called last. */
  private answer: Answer | undefined;

  /** Runs the interceptors, and through them the handler. @returns what Nest gets */
  async follow(handled: Observable<unknown>): Promise<Observable<unknown>> {
    if (!this.isOver) {
      void this.connection.closed.then(() => this.chain.cancel());
      this.chain.start(handled);
    }
    return of(await this.result());
  }

  override run(handler: Handler, call: () => unknown): unknown {
    if (this.handler && this.handler !== handler) return call();
    this.handler = handler;
    if (this.isOver) return EMPTY;
    // What is thrown goes through the interceptors: they may catch it, or try again.
    const value = call();
    return isThenable(value) ? Promise.resolve(value).then((settled) => this.below(settled)) : this.below(value);
  }

  early(): void {
    // One macrotask, as for the headers: a handler that returns at once may still decide that there is no stream.
    setImmediate(() => {
      if (!this.answer && !this.isOver) this.streamWithoutHandler();
    });
  }

  ended(values: readonly unknown[]): void {
    const { answer } = this;
    if (this.isOver) return;
    if (answer?.kind === 'json') this.give({ ...answer, json: SseResponse.json(values.at(-1), answer.json.status) });
    else if (answer) this.give(answer);
    // An answer of an interceptor that is no event: as on any other route.
    else if (values.length === 1 && !this.isEvent(values[0]))
      this.give({ kind: 'json', json: SseResponse.json(values[0]) });
    else this.streamWithoutHandler();
  }

  broke(error: unknown, values: readonly unknown[]): void {
    // What came before it is sent before it.
    if (!this.answer && values.length > 0) this.streamWithoutHandler();
    this.failed(error);
  }

  report(error: unknown): void {
    this.route.report(error);
  }

  /** Interceptors may call the handler again: it must find this request then. */
  protected override detach(): void {}

  /** @returns what the interceptors get to see of what the handler returned */
  private below(value: unknown): unknown {
    if (this.isOver) {
      this.releaseUnused(value);
      return EMPTY;
    }
    try {
      const answer = this.decide(value);
      this.answer = answer;
      if (answer.kind === 'json') return answer.json.value;
      if (answer.kind === 'stream') return this.events(answer.source);
      return EMPTY;
    } catch (error) {
      releaseSource(value);
      throw error;
    }
  }

  private events(value: unknown): Observable<unknown> {
    const { chain } = this;
    const source = isSharedSource(value) || isObservable(value) ? value : toSource(value);
    if (this.reply.isHead) {
      this.stream(source);
      return EMPTY;
    }
    // The headers wait for a channel: it may have ended.
    if (!chain.isOpen && !isSharedSource(source)) this.stream(chain);
    const events = isSharedSource(source) ? this.beside(source) : isObservable(source) ? source : chain.through(source);
    // Interceptors subscribe later, and elsewhere: the source sees the handler's `AsyncLocalStorage` all the same.
    const scope = new AsyncResource('nestjs-event-stream');
    return new Observable((subscriber) => scope.runInAsyncScope(() => events.subscribe(subscriber)));
  }

  /**
   * A channel's events are made once for all clients, so they go around the interceptors: what these get to see is a
   * stream without values, which ends with the connection. What they add goes to the client all the same.
   */
  private beside(feed: SharedSource): Observable<unknown> {
    const { connection } = this;
    if (!this.chain.isOpen) new SourceFeed(connection, this.chain, this.end).start();
    let isFed = false;
    // Interceptors that have let go of the handler meanwhile do not ask for it: the stream is what else they have.
    setImmediate(() => {
      if (!isFed) this.commitAfter(undefined);
    });
    return new Observable((subscriber) => {
      isFed = true;
      const before = connection.attach(undefined);
      this.commitAfter(feed[FEED](connection, this.end));
      void connection.closed.then(({ code, error }) => {
        if (code === 'source_failed') subscriber.error(error);
        else subscriber.complete();
      });
      // Unsubscribed from, while the stream goes on: with what else the interceptors have.
      return () => {
        if (!this.isOver) connection.attach(before)?.stop();
      };
    });
  }

  /** What has come out of the interceptors so far is a stream. */
  private streamWithoutHandler(): void {
    try {
      this.stream(this.chain);
    } catch (error) {
      this.failed(error);
    }
  }

  private isEvent(value: unknown): boolean {
    try {
      toEventAs(this.connection.options.as, value);
      return true;
    } catch (error) {
      if (error instanceof SseError) return false;
      throw error;
    }
  }
}
