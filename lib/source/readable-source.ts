import type { Readable } from 'node:stream';
import { PullSource } from './pull-source.js';
import type { SourceSink } from './source.js';
import { TextSink } from './text-sink.js';

/**
 * A Node stream: each value of an object stream is an event, byte chunks are text.
 *
 * Node's own async iterator would do, but for one thing: while it is suspended it takes `return()` only when the next
 * chunk comes, and until then the file or the request behind the stream stays open. Here it is destroyed at once.
 *
 * From the constructor on the stream has an `error` listener, also after the end: it is ours now, and an error that
 * nobody listens to ends the process.
 *
 * @internal
 */
export class ReadableSource extends PullSource {
  private stream: Readable | undefined;
  /** How the stream ended. What it had read before may still be in its buffer. */
  private end: { readonly error?: unknown } | undefined;
  private wake: (() => void) | undefined;

  private readonly onReadable = (): void => this.wake?.();
  private readonly onEnd = (): void => this.settle({});
  private readonly onError = (error: unknown): void => this.settle({ error });
  private readonly onClose = (): void => this.settle({ error: prematureClose() });

  constructor(stream: Readable) {
    super();
    this.stream = stream;
    stream.on('error', this.onError);
  }

  override open(sink: SourceSink): void {
    super.open(new TextSink(sink));
  }

  protected override start(): void {
    const stream = this.stream as Readable;
    // What has happened to the stream already is not told again.
    if (stream.errored) {
      this.settle({ error: stream.errored });
    } else if (stream.readableEnded) {
      this.settle({});
    } else if (stream.destroyed) {
      this.settle({ error: prematureClose() });
    }
    stream.on('readable', this.onReadable).on('end', this.onEnd).on('close', this.onClose);
  }

  protected override next(): unknown {
    return this.read() ?? this.wait();
  }

  private async wait(): Promise<unknown> {
    for (;;) {
      await new Promise<void>((resolve) => (this.wake = resolve));
      this.wake = undefined;
      const result = this.read();
      if (result) {
        return result;
      }
    }
  }

  private read(): IteratorResult<unknown> | undefined {
    const stream = this.stream;
    const chunk: unknown = stream && !stream.destroyed ? stream.read() : null;
    if (chunk !== null) {
      return { done: false, value: chunk };
    }
    if (!this.end) {
      return undefined;
    }
    if ('error' in this.end) {
      throw this.end.error;
    }
    return { done: true, value: undefined };
  }

  private settle(end: { readonly error?: unknown }): void {
    this.end ??= end;
    this.wake?.();
  }

  /** What a stream says about being destroyed is mostly that it was (`ECONNRESET`, `AbortError`): not passed on. */
  protected override release(): unknown {
    return this.stream?.destroy();
  }

  protected override abandon(): unknown {
    return this.stream?.destroy();
  }

  protected override dispose(): void {
    this.stream
      ?.on('error', ignore)
      .removeListener('error', this.onError)
      .removeListener('readable', this.onReadable)
      .removeListener('end', this.onEnd)
      .removeListener('close', this.onClose);
    this.stream = undefined;
    this.wake = undefined;
  }
}

/** As Node's own `finished()` calls it. */
function prematureClose(): Error {
  return Object.assign(new Error('The stream was closed before its end.'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
}

function ignore(): void {}
