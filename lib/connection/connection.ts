import { encodeComment, encodeEvent } from '../protocol/encoder.js';
import { toEventInit, type SseEventLike } from '../protocol/sse-event-like.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import { closeReason, isGraceful, type SseCloseCode, type SseCloseReason } from './close-reason.js';
import type { ConnectionHost } from './connection-host.js';
import type { ConnectionOptions } from './connection-options.js';
import { Outbox } from './outbox.js';
import { SseConnection } from './sse-connection.js';
import type { SharedBytes, Writer } from './writer.js';

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

/**
 * `opening`: no byte left yet. `closing`: no more events are taken, what waits is delivered. `closed`: all is over.
 *
 * @internal
 */
export type ConnectionState = 'opening' | 'open' | 'closing' | 'closed';

/** Text is handed to the socket at the end of the turn, or as soon as there is this much of it: a socket's own mark. */
const BATCH_LENGTH = 16_384;

/** How much is handed to a socket that drains before looking again: a few milliseconds of a fast link. */
const SLICE_BYTES = 65_536;

/** One client's open response. */
export class Connection extends SseConnection {
  state: ConnectionState = 'opening';
  openedAt: number | undefined;
  bytesSent = 0;
  eventsSent = 0;
  eventsDropped = 0;
  /** When bytes were last handed to the socket, on the monotonic clock of `performance.now()`. */
  lastWriteAt = 0;
  /** Whether the write-stall watch looks after this connection. */
  watched = false;

  private readonly number: number;
  private opening: Opening | undefined;
  private writer: Writer | undefined;
  private feed: Feed | undefined;
  /** Events of this turn, not handed to the socket yet. */
  private batch = '';
  private batched = 0;
  private outbox: Outbox | undefined;
  /** The socket said it is full; set exactly as long as `drained` listens. */
  private drained: (() => void) | undefined;
  private roomWaiter: (() => void) | undefined;
  private abort: AbortController | undefined;
  private reason: SseCloseReason | undefined;
  private farewell: string | undefined;
  private closure: { promise: Promise<SseCloseReason>; resolve: (reason: SseCloseReason) => void } | undefined;
  private tags: Record<string, unknown> | undefined;

  constructor(
    private readonly host: ConnectionHost,
    readonly request: unknown,
    readonly lastEventId: string | undefined,
    /** Replaced by the options of this request once its handler has answered. */
    public options: ConnectionOptions,
  ) {
    super();
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

  get bufferedBytes(): number {
    return Buffer.byteLength(this.batch) + (this.outbox?.byteLength ?? 0) + (this.writer?.bufferedBytes ?? 0);
  }

  /** Bytes handed to the socket that the kernel has not taken. */
  get pendingBytes(): number {
    return this.writer?.bufferedBytes ?? 0;
  }

  /** Whether the next write goes to the socket at once. */
  get isWritable(): boolean {
    return this.drained === undefined;
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
    this.host.opened(this);
    this.host.flushLater(this);
    const { retryMs } = this.options;
    if (retryMs !== false) this.write(encodeEvent({ retry: retryMs }, this.options));
  }

  /** Takes an event that its source could not keep back: the overflow policy applies while the client does not read. */
  offer(text: string, event: SseEventInit): boolean {
    if (!this.admits()) return false;
    if (this.isWritable) {
      this.write(text);
      return true;
    }
    const outcome = (this.outbox ??= new Outbox(this.options.buffer)).add(text, event);
    if (outcome === 'overflow') {
      this.end(closeReason('slow_client'));
      return false;
    }
    this.eventsDropped += outcome;
    this.host.dropped(outcome);
    return outcome === 0 || this.options.buffer.overflow !== 'dropNewest';
  }

  /**
   * Takes an event of a source that can wait.
   *
   * @returns `true`, or a promise that resolves when the client has room again or the connection is over
   */
  take(text: string): true | Promise<void> {
    if (!this.admits()) return true;
    this.write(text);
    if (this.isWritable) return true;
    return new Promise((resolve) => (this.roomWaiter = resolve));
  }

  /**
   * Writes bytes that other connections write too. Only while `isWritable`.
   *
   * @param events how many events they are
   * @param now the caller's `performance.now()`, taken once for all its connections
   */
  writeShared(shared: SharedBytes, events: number, now: number): void {
    const { writer, options } = this;
    if (!writer || this.state !== 'open') return;
    if (this.batched > 0) this.flush();
    const room = writer.writeShared(shared, options.lineEnding);
    this.wrote(shared.bytes(options.lineEnding).length, events, now, room, writer);
  }

  /** Writes, at once, whole events that only this connection gets. What the socket does not take waits, whatever it is. */
  writeOwn(text: string, events: number): void {
    if (text === '' || !this.admits()) return;
    if (this.batched > 0) this.flush();
    if (this.writer && this.isWritable) this.put(this.writer, text, events);
    else (this.outbox ??= new Outbox(this.options.buffer)).force(text);
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
      this.endBody();
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

  /** Hands over the events of this turn. Called by the host at the end of the turn. */
  flush(): void {
    const { writer, batch, batched } = this;
    if (!writer) return;
    if (batched > 0) {
      this.batch = '';
      this.batched = 0;
      this.put(writer, batch, batched);
    }
    writer.flush();
  }

  // --- inside ---------------------------------------------------------------------------------------------------

  /** Until the headers are sent it is as if the socket was full. */
  private waitFor(pending: Promise<Writer>, opening: Opening): void {
    this.drained = () => this.drain();
    void pending.then(
      (writer) => {
        // The client may have gone meanwhile, or have been given up.
        if (this.state === 'closed') return writer.destroy();
        this.writer = writer;
        this.drain();
        this.flush();
      },
      (error: unknown) => {
        const reason = closeReason('source_failed', undefined, error);
        this.cut(reason);
        opening.abandon(reason);
      },
    );
  }

  /** Whether events are taken; the first one commits the headers. */
  private admits(): boolean {
    if (this.state === 'opening') this.commit();
    return this.state === 'open';
  }

  private write(text: string): void {
    if (!this.isWritable) {
      (this.outbox ??= new Outbox(this.options.buffer)).force(text);
      return;
    }
    if (this.batched++ === 0) this.host.flushLater(this);
    this.batch += text;
    if (this.batch.length >= BATCH_LENGTH) this.flush();
  }

  private put(writer: Writer, text: string, events: number): void {
    const bytes = Buffer.byteLength(text);
    this.wrote(bytes, events, performance.now(), writer.write(text, bytes), writer);
  }

  private wrote(bytes: number, events: number, now: number, room: boolean, writer: Writer): void {
    this.bytesSent += bytes;
    this.eventsSent += events;
    this.lastWriteAt = now;
    if (!room) {
      this.drained = () => this.drain();
      writer.onDrain(this.drained);
    }
    if (!this.watched && writer.bufferedBytes > 0) this.host.watch(this);
  }

  private drain(): void {
    this.drained = undefined;
    const { writer, outbox } = this;
    if (!writer || this.state === 'closed') return;
    while (outbox && !outbox.isEmpty && this.isWritable) {
      const { text, events } = outbox.take(SLICE_BYTES);
      this.put(writer, text, events);
    }
    if (!this.isWritable) return;
    this.outbox = undefined;
    this.releaseWaiter();
    if (this.state === 'closing') this.endBody();
    else this.feed?.resume();
  }

  /** Ends the body once nothing waits; `drain()` comes back here otherwise. */
  private endBody(): void {
    if (this.outbox && !this.outbox.isEmpty) return;
    this.writer?.end(this.reason?.code === 'server_closing');
    if (this.writer && !this.watched && this.writer.bufferedBytes > 0) this.host.watch(this);
  }

  private finish(reason: SseCloseReason, destroy: boolean): void {
    const { writer } = this;
    this.state = 'closed';
    this.reason = reason;
    this.writer = this.outbox = this.farewell = undefined;
    this.batch = '';
    this.batched = 0;
    if (writer) {
      if (this.drained) writer.offDrain(this.drained);
      if (destroy) writer.destroy();
    }
    this.drained = undefined;
    this.releaseWaiter();
    this.host.remove(this, reason);
    this.closure?.resolve(reason);
  }

  private releaseWaiter(): void {
    const resolve = this.roomWaiter;
    this.roomWaiter = undefined;
    resolve?.();
  }
}
