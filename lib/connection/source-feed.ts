import { encodeInit } from '../protocol/encoder.js';
import { toEventAs } from '../protocol/sse-event-like.js';
import type { Source, SourceSink } from '../source/source.js';
import type { Connection } from './connection.js';
import type { Feed } from './feed.js';
import { endCompleted, endWithFailure, type StreamEnd } from './stream-end.js';

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
    const event = toEventAs(connection.options.as, value);
    const text = encodeInit(event, connection.options.serialize);
    connection.note(event);
    return connection.take(text);
  }

  push(value: unknown): void {
    const { connection } = this;
    const event = toEventAs(connection.options.as, value);
    const text = encodeInit(event, connection.options.serialize);
    connection.note(event);
    connection.offer(text, event);
  }

  complete(): void {
    const { connection } = this;
    try {
      // A source that completes without an event still answers: with an empty stream.
      connection.commit();
    } catch (error) {
      return this.fail(error);
    }
    endCompleted(connection, this.end);
  }

  fail(error: unknown): void {
    endWithFailure(this.connection, error, this.end);
  }

  stray(error: unknown): void {
    // What a source throws because it was told to stop is how it stops.
    if (error !== this.connection.closeReason && (error as Partial<Error> | null)?.name !== 'AbortError') {
      this.end.report(error);
    }
  }

  deliver(): undefined {
    this.source.handOver?.();
  }

  stop(): void {
    this.source.cancel();
  }

  resume(): void {
    // A source that can wait was woken by its own promise.
  }
}
