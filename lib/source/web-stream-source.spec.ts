import { ReadableStream } from 'node:stream/web';
import { RecordingSink } from '../../test/support/recording-sink.js';
import { WebStreamSource } from './web-stream-source.js';

function open(stream: ReadableStream) {
  const source = new WebStreamSource(stream);
  const sink = new RecordingSink();
  source.open(sink);
  return { source, sink };
}

const macrotask = () => new Promise((resolve) => setImmediate(resolve));

describe('WebStreamSource', () => {
  it('reads bytes as UTF-8 across the borders of chunks', async () => {
    const bytes = new TextEncoder().encode('a€😀z');
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const { sink } = open(ReadableStream.from([bytes.subarray(0, cut), bytes.subarray(cut)]));
      await sink.ended();
      expect(sink.values.join('')).toBe('a€😀z');
      expect(sink.values).not.toContain('');
    }
  });

  it('reads the body of a Response', async () => {
    const { sink } = open(new Response('from afar').body as ReadableStream);
    await sink.ended();
    expect(sink).toMatchObject({ values: ['from afar'], ends: ['completed'] });
  });

  it('reads a stream of buffers', async () => {
    const { sink } = open(ReadableStream.from([new TextEncoder().encode('ab').buffer]));
    await sink.ended();
    expect(sink.values).toEqual(['ab']);
  });

  it('fails with SSE_INVALID_SOURCE when something else reads the stream, and leaves it alone', async () => {
    const cancel = jest.fn();
    const stream = new ReadableStream({ cancel });
    const reader = stream.getReader();
    const { source, sink } = open(stream);
    expect(sink.ends).toEqual([expect.objectContaining({ code: 'SSE_INVALID_SOURCE' })]);
    source.cancel();
    new WebStreamSource(stream).cancel();
    await macrotask();
    expect(cancel).not.toHaveBeenCalled();
    reader.releaseLock();
  });

  it('gives the lock back at the end, whichever end it is', async () => {
    const completed = ReadableStream.from([1]);
    await open(completed).sink.ended();
    expect(completed.locked).toBe(false);

    const failed = new ReadableStream({ start: (controller) => controller.error(new Error('over')) });
    await open(failed).sink.ended();
    expect(failed.locked).toBe(false);

    const cancelled = new ReadableStream();
    open(cancelled).source.cancel();
    expect(cancelled.locked).toBe(false);
  });

  describe('cancelled', () => {
    it('tells the producer an AbortError, also while a read is pending and also before it is opened', async () => {
      for (const isOpened of [true, false]) {
        const cancel = jest.fn();
        const source = new WebStreamSource(new ReadableStream({ cancel }));
        const sink = new RecordingSink();
        if (isOpened) {
          source.open(sink);
        }
        source.cancel();
        await macrotask();
        expect(cancel).toHaveBeenCalledTimes(1);
        expect(cancel).toHaveBeenCalledWith(expect.objectContaining({ name: 'AbortError' }));
        expect(sink).toMatchObject({ values: [], ends: [], strays: [] });
      }
    });

    it('tells what the producer throws as a stray error, and nobody when it was never opened', async () => {
      const broken = new Error('broken cancel');
      const make = () => new ReadableStream({ cancel: () => Promise.reject(broken) });
      new WebStreamSource(make()).cancel();
      const { source, sink } = open(make());
      source.cancel();
      await sink.until(() => sink.strays.length > 0);
      expect(sink).toMatchObject({ ends: [], strays: [broken] });
    });
  });
});
