import { IS_SOURCE, type Source, type SourceSink } from './source.js';
import { READ_QUEUE, type QueueReader } from './sse-queue.js';
import { TurnGuard } from './turn-guard.js';

/** An `SseQueue`, of whichever build of the package. */
export interface ReadableQueue {
  [READ_QUEUE](moved: () => void): QueueReader;
}

/**
 * A queue that a handler returned. As long as the client has room, an event leaves the queue within its `send()`. So no
 * accepted event waits in a promise, where an end would lose it.
 *
 * @internal
 */
export class QueueSource implements Source {
  readonly [IS_SOURCE] = true;

  private queue: ReadableQueue | undefined;
  private reader: QueueReader | undefined;
  private sink: SourceSink | undefined;
  private readonly turn = new TurnGuard();
  private isWaiting = false;
  private isPumping = false;

  constructor(queue: ReadableQueue) {
    this.queue = queue;
  }

  open(sink: SourceSink): void {
    const { queue } = this;
    if (!queue) return;
    this.queue = undefined;
    this.sink = sink;
    try {
      this.reader = queue[READ_QUEUE](() => this.pump());
    } catch (error) {
      this.sink = undefined;
      return sink.fail(error);
    }
    this.pump();
  }

  cancel(): void {
    const { queue } = this;
    this.queue = undefined;
    // Its senders may wait.
    if (queue) abandon(queue);
    this.letGo();
  }

  handOver(): void {
    const { sink, reader } = this;
    if (!sink || !reader) return;
    // From here on `send()` answers false. What it accepted before goes out now, without waiting for room as `pump()` does.
    this.isPumping = true;
    reader.close();
    try {
      while (reader.length > 0) void sink.write(reader.take());
    } catch (error) {
      this.letGo();
      return sink.fail(error);
    }
    if (reader.failure) sink.stray(reader.failure.error);
  }

  private pump(): void {
    const { sink, reader } = this;
    // A `send()` was called from inside, or the client has no room.
    if (!sink || !reader || this.isPumping || this.isWaiting) return;
    this.isPumping = true;
    try {
      while (reader.length > 0 && this.sink && !this.isWaiting) this.wait(sink.write(reader.take()));
    } catch (error) {
      if (!this.sink) return sink.stray(error);
      this.letGo();
      return sink.fail(error);
    } finally {
      this.isPumping = false;
    }
    if (!this.sink || this.isWaiting || !reader.isClosed) return;
    const { failure } = reader;
    this.letGo();
    if (failure) sink.fail(failure.error);
    else sink.complete();
  }

  private wait(room: true | Promise<void>): void {
    const pause = room === true ? this.turn.pause() : room;
    if (!pause) return;
    this.isWaiting = true;
    void pause.then(() => {
      this.isWaiting = false;
      this.pump();
    });
  }

  private letGo(): void {
    const { reader } = this;
    this.reader = this.sink = undefined;
    reader?.leave();
  }
}

/** Closes a queue that nobody reads. */
function abandon(queue: ReadableQueue): void {
  try {
    queue[READ_QUEUE](() => undefined).leave();
  } catch {
    // Another handler reads it. It is not ours to close.
  }
}
