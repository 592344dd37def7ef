import type { SseEventInit } from '../protocol/sse-event.js';
import type { WireText } from '../protocol/wire-text.js';
import { closeReason, type SseCloseReason } from './close-reason.js';
import type { ConnectionOptions } from './connection-options.js';
import type { Deadline } from './deadline.js';
import type { Observer } from './observer.js';
import { Outbox } from './outbox.js';
import { SseConnection } from './sse-connection.js';
import type { Writer, WriteResult } from './writer.js';

/**
 * `opening`: no byte left yet. `closing`: no more events are taken, what waits is delivered. `closed`: all is over.
 *
 * @internal
 */
export type ConnectionState = 'opening' | 'open' | 'closing' | 'closed';

/**
 * What the connections of one application share for what goes out.
 *
 * @internal
 */
export interface OutgoingHost {
  /** Another number in each turn of the event loop. */
  readonly turn: number;
  readonly observer: Observer;
  /** Calls `outgoing.flush()` at the end of this turn. */
  flushLater(outgoing: Outgoing): void;
  /** Looks after bytes that the kernel did not take at once. */
  watch(outgoing: Outgoing): void;
  /** Ends a connection that throws while bytes are written to it, and tells of it. Never throws. */
  broken(outgoing: Outgoing, error: unknown): void;
}

/** Text is handed to the socket at the end of the turn, or as soon as there is this much of it: a socket's own mark. */
const BATCH_LENGTH = 16_384;

/** How much is handed to a socket that drains before looking again: a few milliseconds of a fast link. */
const SLICE_BYTES = 65_536;

/** The reason in words when a filter, a middleware or the handler itself has ended the response. @internal */
export const ENDED_ELSEWHERE = 'the response was ended by other code';

/**
 * What goes out to one client: the events of this turn, what waits while the client does not read, and their count. When
 * it begins and ends is the `Connection`'s.
 *
 * A base class instead of a part of it: an object more for each idle connection, and a call more for each write that
 * all of them share, would buy nothing.
 *
 * @internal
 */
export abstract class Outgoing extends SseConnection {
  abstract state: ConnectionState;

  eventsSent = 0;
  eventsDropped = 0;
  firstEventAt: number | undefined;
  /** Whether there was an event among what was accepted, and not only comments. */
  protected hasEvent = false;
  /** For how long nothing was handed to the socket, in milliseconds, as the looks of the ping service have counted it. */
  silentMs = 0;
  /** When its client may read no more. Each write looks at it: no byte leaves later. */
  deadline: Deadline | undefined;
  /** Whether the write-stall watch looks after this connection. */
  watched = false;

  protected writer: Writer | undefined;
  /** Events of this turn, not handed to the socket yet. */
  private batch = '';
  private batched = 0;
  private outbox: Outbox | undefined;
  /** The socket said it is full, or is not there yet; set exactly as long as there is no room. */
  private drained: (() => void) | undefined;
  private roomWaiter: (() => void) | undefined;
  /** What a writer had sent that is there no more. */
  private bytesBefore = 0;

  constructor(
    protected readonly host: OutgoingHost,
    /** Replaced by the options of this request once its handler has answered. */
    public options: ConnectionOptions,
  ) {
    super();
  }

  get bytesSent(): number {
    return this.writer?.bytesSent ?? this.bytesBefore;
  }

  get bufferedBytes(): number {
    return Buffer.byteLength(this.batch) + (this.outbox?.byteLength ?? 0) + (this.writer?.bufferedBytes ?? 0);
  }

  /** Bytes handed to the socket that the kernel has not taken. */
  get pendingBytes(): number {
    return this.writer?.bufferedBytes ?? 0;
  }

  /** A count that grows whenever the kernel takes bytes for this client. */
  get progress(): number {
    return this.writer?.progress() ?? 0;
  }

  /** Whether the next write goes to the socket at once. */
  get isWritable(): boolean {
    return this.drained === undefined;
  }

  /** Takes an event that its source could not keep back: the overflow policy applies while the client does not read. */
  offer(text: string, event: SseEventInit): boolean {
    if (!this.admits()) return false;
    if (this.isWritable) {
      this.write(text);
      return true;
    }
    const { waiting } = this;
    const outcome = waiting.add(text, event, this.host.turn);
    if (outcome === 'overflow') {
      this.end(closeReason('slow_client'));
      return false;
    }
    if (outcome === 0) return true;
    this.eventsDropped += outcome;
    if (!waiting.hasDropped) {
      waiting.hasDropped = true;
      this.host.observer.dropped(this);
    }
    return this.options.buffer.overflow !== 'dropNewest';
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
   * Writes events that other connections write too. Only while `isWritable`.
   *
   * @param events how many events they are
   */
  writeShared(shared: WireText, events: number): void {
    const { writer } = this;
    if (!writer || this.state !== 'open' || this.isExpired()) return;
    if (this.batched > 0) this.flush();
    this.hasEvent = true;
    let result: WriteResult;
    // The others of the group have their turn, whatever this one does.
    try {
      result = writer.writeShared(shared);
    } catch (error) {
      return this.host.broken(this, error);
    }
    this.wrote(events, result, writer);
  }

  /**
   * Writes, at once, whole events that only this connection gets. What the socket does not take waits, whatever it is.
   *
   * @param isEvent `false` for a frame without an event, which says where the client stands
   */
  writeOwn(text: string, events: number, isEvent = true): void {
    if (text === '' || !this.admits()) return;
    if (this.batched > 0) this.flush();
    if (isEvent) this.hasEvent = true;
    if (this.writer && this.isWritable) this.put(this.writer, text, events);
    else this.waiting.force(text, this.host.turn);
  }

  /** Hands over the events of this turn. Called by the host at the end of the turn. */
  flush(): void {
    if (this.isExpired()) return;
    const { writer, batch, batched } = this;
    if (!writer) return;
    if (batched > 0) {
      this.batch = '';
      this.batched = 0;
      this.put(writer, batch, batched);
    }
    if (!writer.isCorked) return;
    writer.flush?.();
    this.watchPending(writer);
  }

  // --- for the connection -----------------------------------------------------------------------------------------

  /** The first reason stands. */
  abstract end(reason: SseCloseReason, lastText?: string): void;

  /** Ends the connection because its client may read no more: nothing that waits is sent. */
  abstract expire(): void;

  /** Whether events are taken; the first one commits the headers. */
  protected abstract admits(): boolean;

  /** All that waited was handed over, and there is room again. */
  protected abstract emptied(): void;

  /** Until the headers are sent it is as if the socket was full. */
  protected hold(): void {
    this.drained = () => this.drain();
  }

  /** The headers were sent, at last. */
  protected begin(writer: Writer): void {
    this.writer = writer;
    this.drain();
    this.flush();
  }

  protected write(text: string): void {
    if (!this.isWritable) {
      this.waiting.force(text, this.host.turn);
      return;
    }
    if (this.batched++ === 0) this.host.flushLater(this);
    this.batch += text;
    if (this.batch.length >= BATCH_LENGTH) this.flush();
  }

  /** Ends the body once nothing waits; `emptied()` is called otherwise. */
  protected endBody(last: boolean): void {
    const { writer } = this;
    if (!writer || (this.outbox && !this.outbox.isEmpty)) return;
    try {
      writer.end(last);
    } catch (error) {
      return this.host.broken(this, error);
    }
    this.watchPending(writer);
  }

  /** @returns whether the deadline has passed; the connection is ended then */
  protected isExpired(): boolean {
    if (!this.deadline?.isOver) return false;
    this.expire();
    return true;
  }

  /**
   * Drops everything that was not handed to the socket.
   *
   * @returns whether the kernel has taken all that was
   */
  protected dropUnsent(): boolean {
    this.outbox = undefined;
    this.batch = '';
    this.batched = 0;
    return this.isWritable && this.pendingBytes === 0;
  }

  /** Lets go of all that waits, and cuts the client off if it is to be destroyed. */
  protected discard(destroy: boolean): void {
    const { writer, drained } = this;
    this.letGoOfWriter();
    this.outbox = this.drained = undefined;
    this.batch = '';
    this.batched = 0;
    if (writer && drained) writer.offDrain(drained);
    this.releaseWaiter();
    if (destroy) writer?.destroy();
    else writer?.flush?.();
  }

  protected releaseWaiter(): void {
    const resolve = this.roomWaiter;
    this.roomWaiter = undefined;
    resolve?.();
  }

  // --- inside ---------------------------------------------------------------------------------------------------

  /** Where events wait for room. It is there only while some do. */
  private get waiting(): Outbox {
    return (this.outbox ??= new Outbox(this.options.buffer));
  }

  private put(writer: Writer, text: string, events: number): void {
    let result: WriteResult;
    try {
      result = writer.write(text);
    } catch (error) {
      return this.host.broken(this, error);
    }
    this.wrote(events, result, writer);
  }

  private wrote(events: number, result: WriteResult, writer: Writer): void {
    if (result !== true) {
      if (result === 'ended') return this.endedElsewhere(writer);
      this.hold();
      if (this.drained) writer.onDrain(this.drained);
    }
    this.eventsSent += events;
    this.silentMs = 0;
    this.watchPending(writer);
    if (this.hasEvent && this.firstEventAt === undefined) this.tellFirst();
  }

  private tellFirst(): void {
    this.firstEventAt = Date.now();
    this.host.observer.firstEvent(this);
  }

  /** What other code has ended the response with is on its way, and nothing of it is cut off. */
  private endedElsewhere(writer: Writer): void {
    writer.flush?.();
    this.letGoOfWriter();
    this.end(closeReason('client_left', ENDED_ELSEWHERE));
  }

  private letGoOfWriter(): void {
    this.bytesBefore = this.bytesSent;
    this.writer = undefined;
  }

  /** What is corked has not been offered to the kernel yet: `flush()` looks after it. */
  private watchPending(writer: Writer): void {
    if (this.watched || writer.isCorked) return;
    // Behind compression a write may wait that no buffer of the response shows.
    if (!this.isWritable || writer.bufferedBytes > 0) this.host.watch(this);
  }

  private drain(): void {
    this.drained = undefined;
    const { writer, outbox } = this;
    if (!writer || this.state === 'closed' || this.isExpired()) return;
    while (outbox && !outbox.isEmpty && this.writer && this.isWritable) {
      const { text, events } = outbox.take(SLICE_BYTES);
      this.put(writer, text, events);
    }
    if (!this.writer || !this.isWritable) return;
    this.outbox = undefined;
    this.releaseWaiter();
    this.emptied();
  }
}
