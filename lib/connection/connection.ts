import { encodeComment, encodeEvent } from '../protocol/encoder.js';
import { toEventInit, type SseEventLike } from '../protocol/sse-event-like.js';
import { closeReason, isGraceful, type SseCloseCode, type SseCloseReason } from './close-reason.js';
import type { ConnectionHost } from './connection-host.js';
import type { ConnectionOptions } from './connection-options.js';
import { Outgoing, type ConnectionState } from './outgoing.js';
import type { Writer } from './writer.js';

/**
 * What feeds a connection: a source that runs for it alone, or its place in some channels.
 *
 * @internal
 */
export interface Feed {
  /** The connection is closing: let go of it. Called at most once; nothing is written any more. */
  stop(reason: SseCloseReason): void;
  /** The client reads again, and all that waited in the connection is gone. */
  resume(): void;
}

/**
 * The request before its headers are committed. It can still be answered in another way.
 *
 * @internal
 */
export interface Opening {
  /**
   * Sends the headers, at once or when the platform has completed them. Called again only if it threw.
   *
   * @throws when nothing was sent, and the request can still be answered with an error; a promise rejects for that
   */
  commit(): Writer | Promise<Writer>;
  /** Nothing was sent, and nothing will be by this connection. */
  abandon(reason: SseCloseReason): void;
}

/** One client's open response. */
export class Connection extends Outgoing {
  state: ConnectionState = 'opening';
  openedAt: number | undefined;

  private readonly number: number;
  private opening: Opening | undefined;
  private feed: Feed | undefined;
  private abort: AbortController | undefined;
  private reason: SseCloseReason | undefined;
  private farewell: string | undefined;
  private closure: { promise: Promise<SseCloseReason>; resolve: (reason: SseCloseReason) => void } | undefined;
  private tags: Record<string, unknown> | undefined;

  constructor(
    host: ConnectionHost,
    readonly request: unknown,
    readonly lastEventId: string | undefined,
    options: ConnectionOptions,
  ) {
    super(host, options);
    this.number = host.add(this);
  }

  get id(): string {
    return this.host.idOf(this.number);
  }

  get signal(): AbortSignal {
    if (!this.abort) {
      this.abort = new AbortController();
      if (this.reason) this.abort.abort(this.reason);
    }
    return this.abort.signal;
  }

  /** Whether somebody asked for the signal, and so can end the stream by himself when it is aborted. */
  get isCooperative(): boolean {
    return this.abort !== undefined;
  }

  /** Why it ends, as soon as that is known: the `reason` of the signal. */
  get closeReason(): SseCloseReason | undefined {
    return this.reason;
  }

  /** Whether the source was told to end soon. */
  get isWarned(): boolean {
    return this.reason !== undefined && this.state !== 'closed' && this.state !== 'closing';
  }

  get context(): Record<string, unknown> {
    return (this.tags ??= {});
  }

  get closed(): Promise<SseCloseReason> {
    if (!this.closure) {
      let resolve!: (reason: SseCloseReason) => void;
      const promise = new Promise<SseCloseReason>((settle) => (resolve = settle));
      this.closure = { promise, resolve };
      if (this.state === 'closed' && this.reason) resolve(this.reason);
    }
    return this.closure.promise;
  }

  send(event: SseEventLike): boolean {
    const init = toEventInit(event);
    return this.offer(encodeEvent(init, this.options), init);
  }

  comment(text: string): boolean {
    return this.offer(encodeComment(text, this.options), { comment: text });
  }

  close(reason?: string | { code: SseCloseCode; reason?: string }): void {
    if (typeof reason === 'object') this.end(closeReason(reason.code, reason.reason));
    else this.end(closeReason('kicked', reason));
  }

  // --- for the layers above -------------------------------------------------------------------------------------

  /** Hands over what can still send the headers. */
  prepare(opening: Opening): void {
    if (this.state === 'opening') this.opening = opening;
    else if (this.reason) opening.abandon(this.reason);
  }

  /** Starts to be fed. A connection that closed meanwhile stops the feed at once. */
  attach(feed: Feed): void {
    if (this.state === 'opening' || this.state === 'open') this.feed = feed;
    else if (this.reason) feed.stop(this.reason);
  }

  /** Sends the headers, unless they are sent or nothing may be sent any more. */
  commit(): void {
    const { opening } = this;
    if (this.state !== 'opening' || !opening) return;
    const writer = opening.commit();
    this.opening = undefined;
    this.state = 'open';
    this.openedAt = Date.now();
    if (writer instanceof Promise) this.waitFor(writer, opening);
    else this.writer = writer;
    this.lastWriteAt = performance.now();
    // First of all: nothing that is told of the opening may keep the headers back.
    this.host.flushLater(this);
    this.host.opened(this);
    const { retryMs } = this.options;
    if (retryMs !== false) this.write(encodeEvent({ retry: retryMs }, this.options));
  }

  /** Tells whoever holds the signal that the stream will end, and goes on. */
  warn(reason: SseCloseReason): void {
    if (this.state === 'closed' || this.state === 'closing') return;
    this.reason ??= reason;
    this.abort?.abort(reason);
  }

  /** What is still written when the connection ends in an orderly way: the shutdown's farewell. */
  sayLast(text: string): void {
    this.farewell = text;
  }

  /**
   * Ends the connection. The first reason stands; only a peer that is lost while the rest is being delivered replaces it.
   *
   * @param lastText an event that ends the stream, e.g. the `done` marker or the error event
   */
  end(reason: SseCloseReason, lastText?: string): void {
    if (this.state === 'closed') return;
    const graceful = isGraceful(reason.code);
    if (this.state === 'closing') {
      if (!graceful) this.finish(reason, true);
      return;
    }
    const before = this.state;
    // A source that ended because it was told that the server is closing has not ended by itself.
    const told = this.reason && graceful && reason.code !== 'kicked' ? this.reason : reason;
    this.reason = told;
    this.state = 'closing';
    this.abort?.abort(told);
    const { feed, opening } = this;
    this.feed = this.opening = undefined;
    feed?.stop(told);
    if (before === 'opening') {
      this.finish(told, false);
      opening?.abandon(told);
    } else if (graceful) {
      if (lastText !== undefined) this.write(lastText);
      if (this.farewell !== undefined) this.write(this.farewell);
      this.releaseWaiter();
      this.flush();
      this.endBody(this.isServerClosing);
    } else {
      this.finish(told, true);
    }
  }

  /** The transport is gone or done: called by its 'close'. */
  transportClosed(finished: boolean): void {
    if (this.state === 'closing' && finished && this.reason) this.finish(this.reason, false);
    else if (!finished) this.end(closeReason('client_left'));
    // An interceptor that gave up, for example, before there was a stream.
    else
      this.end(
        closeReason(this.state === 'opening' ? 'source_failed' : 'client_left', 'the response was ended by other code'),
      );
  }

  /** Cuts off a connection that is still there when the time to end it is over. */
  cut(reason: SseCloseReason): void {
    this.end(reason);
    if (this.state === 'closing') this.finish(this.reason ?? reason, true);
  }

  // --- inside ---------------------------------------------------------------------------------------------------

  protected admits(): boolean {
    if (this.state === 'opening') this.commit();
    return this.state === 'open';
  }

  protected emptied(): void {
    if (this.state === 'closing') this.endBody(this.isServerClosing);
    else this.feed?.resume();
  }

  private get isServerClosing(): boolean {
    return this.reason?.code === 'server_closing';
  }

  private waitFor(pending: Promise<Writer>, opening: Opening): void {
    this.hold();
    void pending.then(
      // The client may have gone meanwhile, or have been given up.
      (writer) => (this.state === 'closed' ? writer.destroy() : this.begin(writer)),
      (error: unknown) => {
        const reason = closeReason('source_failed', undefined, error);
        this.cut(reason);
        opening.abandon(reason);
      },
    );
  }

  private finish(reason: SseCloseReason, destroy: boolean): void {
    this.state = 'closed';
    this.reason = reason;
    this.farewell = undefined;
    this.discard(destroy);
    this.host.remove(this, reason);
    this.closure?.resolve(reason);
  }
}
