import { encodeComment, encodeInit } from '../protocol/encoder.js';
import { knownOptions } from '../protocol/check-option.js';
import { dataKindAfter, type DataKind } from '../protocol/data-kind.js';
import { toEventInit, type SseEventLike } from '../protocol/sse-event-like.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import { closeReason, endsByFeed, isGraceful, type SseCloseReason } from './close-reason.js';
import type { ConnectionOptions } from './connection-options.js';
import { Deadline } from './deadline.js';
import type { Feed } from './feed.js';
import type { Observer } from './observer.js';
import type { Opening } from './opening.js';
import { ENDED_ELSEWHERE, Outgoing, type ConnectionState, type OutgoingHost } from './outgoing.js';
import { CLOSE_OPTION_NAMES, type SseCloseOptions, type SseContext, type SseRequest } from './sse-connection.js';
import type { Writer } from './writer.js';

/**
 * What the connections of one application share.
 *
 * @internal
 */
export interface ConnectionHost extends OutgoingHost {
  /** Ends the connection in time, if it has a deadline or a lifetime. */
  watchLifetime(connection: Connection): void;
  /** Takes a new connection into the registry, until `remove()`. @returns its number */
  add(connection: Connection): number;
  remove(connection: Connection, reason: SseCloseReason): void;
  /** The id of a connection, made only when somebody asks. */
  idOf(number: number): string;
  /** The headers are about to be sent: last chance to end the connection without them. */
  opening(connection: Connection): void;
  /** The headers were sent. */
  opened(connection: Connection): void;
  /** All that an opening says of itself is written: from here on the connection may be ended. */
  committed(connection: Connection): void;
}

/** What an `unauthorized` event says, in the shape of Nest's errors. */
const UNAUTHORIZED = JSON.stringify({ message: 'Unauthorized', statusCode: 401 });

/** How a connection ends that has yet to deliver something. */
interface Ending {
  readonly reason: SseCloseReason;
  readonly lastText: string | undefined;
}

/** One client's open response. */
export class Connection extends Outgoing {
  declare protected readonly host: ConnectionHost;
  state: ConnectionState = 'opening';
  openedAt: number | undefined;
  /** Of what kind the data was so far: see {@link isText}. */
  private dataKind: DataKind = 'nothing';
  /** When the request came, in milliseconds since the epoch. */
  readonly arrivedAt = Date.now();
  /** One more than that of the connection before, in the order of arrival. */
  readonly number: number;

  private opening: Opening | undefined;
  /** What feeds it, for as long as it does. */
  feed: Feed | undefined;
  private abort: AbortController | undefined;
  private reason: SseCloseReason | undefined;
  private farewell: string | undefined;
  /** It ends when its feed has delivered what was accepted before. */
  private ending: Ending | undefined;
  private closure: { promise: Promise<SseCloseReason>; resolve: (reason: SseCloseReason) => void } | undefined;
  private tags: SseContext | undefined;

  constructor(
    host: ConnectionHost,
    readonly request: SseRequest,
    readonly lastEventId: string | undefined,
    readonly route: string,
    options: ConnectionOptions,
  ) {
    super(host, options);
    this.number = host.add(this);
  }

  get id(): string {
    return this.host.idOf(this.number);
  }

  get observer(): Observer {
    return this.host.observer;
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

  /** Whether nothing has been sent, so that the request can still be answered in another way. */
  get isAnswerable(): boolean {
    return this.opening !== undefined;
  }

  /** Whether the source was told to end soon. */
  get isWarned(): boolean {
    return this.reason !== undefined && this.state !== 'closed' && this.state !== 'closing';
  }

  /** Whether it delivers the last of what it will: it ends by itself then. */
  get isEnding(): boolean {
    return this.ending !== undefined;
  }

  get context(): SseContext {
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
    const text = encodeInit(init, this.options.serialize);
    this.note(init);
    return this.offer(text, init);
  }

  comment(text: string): boolean {
    return this.offer(encodeComment(text), { comment: text });
  }

  close(why: string | SseCloseOptions = {}): void {
    const {
      code = 'kicked',
      reason,
      event,
    } = typeof why === 'string' ? { reason: why } : knownOptions('', why, CLOSE_OPTION_NAMES);
    const lastText = event === undefined ? undefined : encodeInit(toEventInit(event), this.options.serialize);
    this.end(closeReason(code, reason), lastText);
  }

  /** Whether strings were sent and nothing else: then the client does not expect JSON of an error event. */
  get isText(): boolean {
    return this.dataKind === 'text';
  }

  /** Takes note of what is handed over next. */
  note({ data }: SseEventInit): void {
    if (data !== undefined) this.hasEvent = true;
    this.dataKind = dataKindAfter(this.dataKind, data);
  }

  // --- for the layers above -------------------------------------------------------------------------------------

  /** Hands over what can still send the headers. */
  prepare(opening: Opening): void {
    if (this.state === 'opening') this.opening = opening;
    else if (this.reason) opening.abandon(this.reason);
  }

  /**
   * Starts to be fed. A connection that closed meanwhile stops the feed at once.
   *
   * @returns what fed it before, which the caller has to stop, or to attach again
   */
  attach(feed: Feed | undefined): Feed | undefined {
    const before = this.feed;
    if (this.state === 'opening' || this.state === 'open') this.feed = feed;
    else if (this.reason) feed?.stop();
    return before;
  }

  /** Sends the headers, unless they are sent or nothing may be sent any more. */
  commit(): void {
    const { opening } = this;
    if (this.state !== 'opening' || !opening || this.isExpired()) return;
    this.host.opening(this);
    if (this.state !== 'opening') return;
    const writer = opening.commit();
    this.state = 'open';
    if (writer instanceof Promise) {
      this.waitFor(writer, opening);
    } else {
      this.opening = undefined;
      this.writer = writer;
    }
    // First of all: nothing that is told of the opening may keep the headers back.
    this.host.flushLater(this);
    const { retryMs } = this.options;
    if (retryMs !== false) this.write(encodeInit({ retry: retryMs }));
    if (!(writer instanceof Promise)) this.opened();
    this.host.committed(this);
  }

  /** Tells whoever holds the signal that the stream will end, and goes on. */
  warn(reason: SseCloseReason): void {
    if (this.state === 'closed' || this.state === 'closing') return;
    this.reason ??= reason;
    this.abort?.abort(reason);
  }

  /** Ends the connection at `time`, in milliseconds since the epoch. Nothing that was accepted leaves later than that. */
  expireAt(time: number): void {
    if (this.state === 'closed') return;
    this.deadline = new Deadline(time);
    this.host.watchLifetime(this);
  }

  expire(): void {
    // What is said of it is written later.
    this.deadline = undefined;
    this.end(closeReason('unauthorized'));
  }

  /** What is still written when the connection ends in an orderly way: the shutdown's farewell. */
  sayLast(text: string): void {
    this.farewell = text;
  }

  /**
   * Ends the connection. The first reason stands; only a peer that is lost while the rest is being delivered replaces it.
   *
   * What its feed has accepted is delivered first, unless it is the feed that ends it.
   *
   * @param lastText an event that ends the stream, e.g. the `done` marker or the error event
   */
  end(reason: SseCloseReason, lastText?: string): void {
    if (this.state === 'closed') return;
    const graceful = isGraceful(reason.code);
    if (this.state === 'closing') {
      // Not for a deadline: the kernel had all of it before.
      if (!graceful && !this.mayBeTold(reason)) this.finish(reason, true);
      return;
    }
    const { ending } = this;
    if (!ending) {
      if (!endsByFeed(reason.code) && graceful && this.isDelivering({ reason, lastText })) return;
    } else if (graceful) {
      // The feed has nothing more; any other reason came too late.
      if (endsByFeed(reason.code)) this.endNow();
      return;
    }
    this.conclude(reason, lastText);
  }

  /** Ends the connection with what was handed over so far, if it is still delivering. */
  endNow(): void {
    const { ending } = this;
    if (ending) this.conclude(ending.reason, ending.lastText);
  }

  /** Cuts the client off, if it is still being delivered to: what is missing must not look like an end. */
  cutShort(): void {
    const { ending } = this;
    if (ending) this.conclude(ending.reason, ending.lastText, true);
  }

  /** The transport is gone or done: called by its 'close'. */
  transportClosed(finished: boolean): void {
    if (this.state === 'closing' && finished && this.reason) this.finish(this.reason, false);
    else if (!finished) this.end(closeReason('client_left'));
    // An interceptor that gave up, for example, before there was a stream.
    else this.end(closeReason(this.state === 'opening' ? 'source_failed' : 'client_left', ENDED_ELSEWHERE));
  }

  /** Cuts off a connection that is still there when the time to end it is over. */
  cut(reason: SseCloseReason): void {
    this.end(reason);
    this.cutShort();
    if (this.state === 'closing') this.finish(this.reason ?? reason, true);
  }

  // --- inside ---------------------------------------------------------------------------------------------------

  protected admits(): boolean {
    if (this.state === 'opening') this.commit();
    else if (this.isExpired()) return false;
    return this.state === 'open';
  }

  protected emptied(): void {
    if (this.state === 'closing') this.endBody(this.isServerClosing);
    else this.feed?.resume();
  }

  private get isServerClosing(): boolean {
    return this.reason?.code === 'server_closing';
  }

  /** Whether it is not over. */
  private get isThere(): boolean {
    return this.state !== 'closed';
  }

  private opened(): void {
    this.openedAt = Date.now();
    this.host.opened(this);
  }

  private waitFor(pending: Promise<Writer>, opening: Opening): void {
    this.hold();
    void pending.then(
      // The client may have gone meanwhile, or have been given up.
      (writer) => {
        this.opening = undefined;
        // Who is told of it may end it.
        if (this.isThere) this.opened();
        if (this.isThere) this.begin(writer);
        else writer.destroy();
      },
      (error: unknown) => {
        const reason = closeReason('source_failed', undefined, error);
        this.cut(reason);
        opening.abandon(reason);
      },
    );
  }

  /** @returns whether the end has to wait, or has come meanwhile */
  private isDelivering(ending: Ending): boolean {
    const { feed } = this;
    if (this.state !== 'open' || !feed?.deliver) return false;
    this.ending = ending;
    const pending = feed.deliver();
    // What it delivered may have ended the connection.
    if (this.ending !== ending) return true;
    if (!pending) {
      this.ending = undefined;
      return false;
    }
    this.warn(ending.reason);
    void pending.then((isWhole) => {
      if (this.ending !== ending) return;
      if (isWhole) this.endNow();
      else this.cutShort();
    });
    return true;
  }

  private conclude(reason: SseCloseReason, lastText: string | undefined, isCut = false): void {
    const graceful = isGraceful(reason.code);
    this.ending = undefined;
    const before = this.state;
    // A source that ended because it was told that the server is closing has not ended by itself.
    const told = this.reason && graceful && reason.code !== 'kicked' ? this.reason : reason;
    this.reason = told;
    this.state = 'closing';
    this.abort?.abort(told);
    const { feed, opening } = this;
    this.feed = this.opening = undefined;
    feed?.stop();
    if (before === 'opening' || (opening && (!graceful || reason.code === 'source_failed'))) {
      this.finish(told, false);
      opening?.abandon(told);
    } else if (graceful || this.mayBeTold(told)) {
      // Also for a client that is cut off, if there is room for it.
      if (!isCut || this.isWritable) this.writeLast(lastText ?? this.lastWordsOf(told));
      if (isCut) this.finish(told, true);
      else this.endBody(this.isServerClosing);
    } else {
      this.finish(told, true);
    }
  }

  /**
   * Whether a client that may read no more is told so. Not one whose socket still has older bytes: they would leave too.
   */
  private mayBeTold({ code }: SseCloseReason): boolean {
    return code === 'unauthorized' && this.dropUnsent();
  }

  private lastWordsOf({ code }: SseCloseReason): string | undefined {
    if (code !== 'unauthorized') return undefined;
    return encodeInit({ type: 'unauthorized', data: this.isText ? 'Unauthorized' : UNAUTHORIZED });
  }

  private writeLast(lastText: string | undefined): void {
    if (lastText !== undefined) this.write(lastText);
    // Not an empty text: as a chunk that is the end of the body.
    if (this.farewell) this.write(this.farewell);
    this.releaseWaiter();
    this.flush();
  }

  private finish(reason: SseCloseReason, destroy: boolean): void {
    // Who is told that it ends may have cut it off meanwhile.
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.reason = reason;
    this.farewell = undefined;
    try {
      this.discard(destroy);
    } finally {
      this.host.remove(this, reason);
      this.closure?.resolve(reason);
    }
  }
}
