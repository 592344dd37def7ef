import { encodeEvent } from '../protocol/encoder.js';
import { toEventInit } from '../protocol/sse-event-like.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import type { Source, SourceSink } from '../source/source.js';
import { closeReason } from './close-reason.js';
import type { Connection, Feed } from './connection.js';

/** What ends a stream. */
export interface StreamEnd {
  /** Data of a last event, after the source has completed. */
  readonly done: string | undefined;
  /** The event that tells the client of a failure, or `null` to tell it nothing. */
  readonly errorEvent: (error: unknown) => SseEventInit | null;
  /** Told of a failure after the headers were sent, and of one that nobody waits for any more. */
  readonly report: (error: unknown) => void;
}

/**
 * Runs a source into one connection.
 *
 * @internal
 */
export class SourceFeed implements SourceSink, Feed {
  constructor(
    private readonly connection: Connection,
    private readonly source: Source,
    private readonly end: StreamEnd,
  ) {}

  start(): void {
    const { connection, source } = this;
    connection.attach(this);
    if (connection.state === 'opening' || connection.state === 'open') source.open(this);
  }

  write(value: unknown): true | Promise<void> {
    const { connection } = this;
    return connection.take(encodeEvent(toEventInit(value), connection.options));
  }

  push(value: unknown): void {
    const { connection } = this;
    const event = toEventInit(value);
    connection.offer(encodeEvent(event, connection.options), event);
  }

  complete(): void {
    const { connection } = this;
    try {
      // A source that completes without an event still answers: with an empty stream.
      connection.commit();
    } catch (error) {
      return this.fail(error);
    }
    const { done } = this.end;
    connection.end(
      closeReason('source_completed'),
      done === undefined ? undefined : encodeEvent({ data: done }, connection.options),
    );
  }

  fail(error: unknown): void {
    const { connection } = this;
    // A source that was told to end, and ended by throwing what it was told, has not failed.
    if (connection.isWarned) return connection.end(closeReason('source_completed'));
    const reason = closeReason('source_failed', undefined, error ?? new Error('the source failed without an error'));
    // Before the headers are out, the exception filters answer, with the status that the error asks for.
    if (connection.state === 'opening') return connection.end(reason);
    this.end.report(error);
    connection.end(reason, this.describe(error));
  }

  stray(error: unknown): void {
    // What a source throws because it was told to stop is how it stops.
    if (error !== this.connection.closeReason && (error as Partial<Error> | null)?.name !== 'AbortError') {
      this.end.report(error);
    }
  }

  stop(): void {
    this.source.cancel();
  }

  resume(): void {
    // A source that can wait was woken by its own promise.
  }

  private describe(error: unknown): string | undefined {
    try {
      const event = this.end.errorEvent(error);
      return event === null ? undefined : encodeEvent(event, this.connection.options);
    } catch (broken) {
      this.end.report(broken);
      return undefined;
    }
  }
}
