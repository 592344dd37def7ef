import type { ReadableStream, ReadableStreamDefaultReader } from 'node:stream/web';
import { SseError } from '../protocol/sse-error.js';
import { PullSource } from './pull-source.js';
import type { SourceSink } from './source.js';
import { TextSink } from './text-sink.js';

/**
 * A web `ReadableStream`, such as the body of a `fetch()`: byte chunks are text, any other chunk is an event.
 *
 * @internal
 */
export class WebStreamSource extends PullSource {
  private stream: ReadableStream<unknown> | undefined;
  private reader: ReadableStreamDefaultReader<unknown> | undefined;

  constructor(stream: ReadableStream<unknown>) {
    super();
    this.stream = stream;
  }

  override open(sink: SourceSink): void {
    super.open(new TextSink(sink));
  }

  protected override start(): void {
    const stream = this.stream as ReadableStream<unknown>;
    if (stream.locked) {
      throw new SseError(
        'SSE_INVALID_SOURCE',
        'The ReadableStream is locked: something else reads it. Return it unread, or one branch of its tee().',
        { value: stream },
      );
    }
    this.reader = stream.getReader();
  }

  protected override next(): unknown {
    return this.reader?.read();
  }

  protected override release(): unknown {
    return this.reader?.cancel(unwanted());
  }

  protected override abandon(): unknown {
    return this.stream?.cancel(unwanted());
  }

  protected override dispose(): void {
    this.reader?.releaseLock();
    this.stream = undefined;
    this.reader = undefined;
  }
}

/** The reason that the stream's producer is told, of the kind that `AbortController` gives. */
function unwanted(): DOMException {
  return new DOMException('The event stream that read this one has ended.', 'AbortError');
}
