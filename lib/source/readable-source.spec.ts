import { once, type EventEmitter } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex, PassThrough, Readable } from 'node:stream';
import { ReadableSource } from './readable-source.js';
import { RecordingSink } from '../../test/support/recording-sink.js';

function open(stream: Readable) {
  const source = new ReadableSource(stream);
  const sink = new RecordingSink();
  source.open(sink);
  return { source, sink };
}

const macrotask = () => new Promise((resolve) => setImmediate(resolve));

/** All listeners that are not the one for errors nobody listens to any more. */
function listeners(stream: Readable): string[] {
  return stream.eventNames().filter((name) => name !== 'error') as string[];
}

describe('ReadableSource', () => {
  describe('of bytes', () => {
    const text = 'aé€😀\uFEFFz';

    it('puts characters together that are cut by the end of a chunk, wherever that is', async () => {
      const bytes = Buffer.from(text);
      for (let cut = 0; cut <= bytes.length; cut += 1) {
        const chunks = [bytes.subarray(0, cut), bytes.subarray(cut)].filter((chunk) => chunk.length > 0);
        const { sink } = open(Readable.from(chunks));
        await sink.ended();
        expect(sink.values.join('')).toBe(text);
        expect(sink.values).not.toContain('');
      }
    });

    it('yields no event for a chunk that holds no whole character', async () => {
      const { sink } = open(Readable.from([...Buffer.from('€')].map((byte) => Buffer.of(byte))));
      await sink.ended();
      expect(sink.values).toEqual(['€']);
    });

    it('shows half a character at the end as U+FFFD', async () => {
      const { sink } = open(Readable.from([Buffer.from('ok'), Buffer.from('€').subarray(0, 2)]));
      await sink.ended();
      expect(sink).toMatchObject({ values: ['ok', '\uFFFD'], ends: ['completed'] });
    });

    it('keeps a byte order mark', async () => {
      const { sink } = open(Readable.from([Buffer.from('\uFEFFa')]));
      await sink.ended();
      expect(sink.values).toEqual(['\uFEFFa']);
    });

    it('takes strings of a stream with an encoding as they are', async () => {
      const stream = new PassThrough({ encoding: 'hex' });
      stream.end(Buffer.of(0xff));
      const { sink } = open(stream);
      await sink.ended();
      expect(sink.values).toEqual(['ff']);
    });

    it('fails when the sink refuses what was left at the end', async () => {
      const source = new ReadableSource(Readable.from([Buffer.of(0xe2)]));
      const sink = new RecordingSink();
      const refusal = new Error('cannot be sent');
      sink.onValue = () => {
        throw refusal;
      };
      source.open(sink);
      await sink.ended();
      expect(sink.ends).toEqual([refusal]);
    });
  });

  describe('that is over before it is opened', () => {
    it('completes when it has been read to its end', async () => {
      const stream = Readable.from([1]);
      stream.resume();
      await once(stream, 'close');
      const { sink } = open(stream);
      await sink.ended();
      expect(sink).toMatchObject({ values: [], ends: ['completed'] });
    });

    it('fails when it was destroyed', async () => {
      const stream = Readable.from([1]);
      stream.destroy();
      for (const wait of [() => undefined, () => macrotask()]) {
        await wait();
        const { sink } = open(stream);
        await sink.ended();
        expect(sink.ends).toEqual([expect.objectContaining({ code: 'ERR_STREAM_PREMATURE_CLOSE' })]);
      }
    });

    it('fails with its own error when it failed', async () => {
      const error = new Error('lost');
      const stream = new Readable({ read: () => undefined });
      stream.on('error', () => undefined).destroy(error);
      for (const wait of [() => undefined, () => macrotask()]) {
        await wait();
        const { sink } = open(stream);
        await sink.ended();
        expect(sink.ends).toEqual([error]);
      }
    });

    it('keeps the error that comes between its return from the handler and its opening', async () => {
      // Nobody else listens yet: without a listener the process would end here.
      const stream = createReadStream('/does/not/exist');
      const source = new ReadableSource(stream);
      await new Promise<void>((resolve) => stream.once('close', resolve));
      const sink = new RecordingSink();
      source.open(sink);
      await sink.ended();
      expect(sink.ends).toEqual([expect.objectContaining({ code: 'ENOENT' })]);
    });
  });

  it('fails when it is destroyed by someone else while it is read', async () => {
    const stream = new Readable({ read: () => undefined });
    const { sink } = open(stream);
    stream.destroy();
    await sink.ended();
    expect(sink.ends).toEqual([expect.objectContaining({ code: 'ERR_STREAM_PREMATURE_CLOSE' })]);
  });

  it('completes at the end of the readable half of a Duplex', async () => {
    const { sink } = open(
      new Duplex({
        read() {
          this.push('half');
          this.push(null);
        },
        write: (_chunk, _encoding, done) => done(),
      }),
    );
    await sink.ended();
    expect(sink).toMatchObject({ values: ['half'], ends: ['completed'] });
  });

  it('reads an endless stream that always has more without stopping timers', async () => {
    const { source, sink } = open(
      new Readable({
        read() {
          this.push('more');
        },
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 1));
    source.cancel();
    expect(sink.values.length).toBeGreaterThan(0);
  });

  describe('cancelled', () => {
    it('destroys the stream, opened or not', () => {
      const unopened = new Readable({ read: () => undefined });
      new ReadableSource(unopened).cancel();
      expect(unopened.destroyed).toBe(true);

      const opened = new Readable({ read: () => undefined });
      open(opened).source.cancel();
      expect(opened.destroyed).toBe(true);
    });

    it('survives the errors that the stream still has, and does not pass them on', async () => {
      for (const isOpened of [true, false]) {
        const stream = new Readable({
          read: () => undefined,
          destroy: (_error, done) => done(new Error('from destroy')),
        });
        const sink = new RecordingSink();
        const source = new ReadableSource(stream);
        if (isOpened) {
          source.open(sink);
        }
        source.cancel();
        // Not once(): it would listen for the error itself.
        await new Promise<void>((resolve) => stream.on('close', resolve));
        stream.emit('error', new Error('and one more'));
        expect(sink).toMatchObject({ ends: [], strays: [] });
      }
    });

    it('tells what destroy() throws as a stray error', () => {
      const stream = new Readable({ read: () => undefined });
      const broken = new Error('broken destroy');
      stream.destroy = () => {
        throw broken;
      };
      const { source, sink } = open(stream);
      source.cancel();
      expect(sink.strays).toEqual([broken]);
    });

    it('ends the request behind the stream', async () => {
      const server = createServer((_req, res) => void res.write('first'));
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const gone = once(server, 'request').then(([, res]) => once(res as EventEmitter, 'close'));
      const [response] = (await once(get({ port: (server.address() as AddressInfo).port }), 'response')) as [
        IncomingMessage,
      ];
      const { source, sink } = open(response);
      await sink.until(() => sink.values.length > 0);
      source.cancel();
      await gone;
      await once(server.close(), 'close');
      expect(sink).toMatchObject({ values: ['first'], ends: [], strays: [] });
    });
  });

  it.each<[string, (stream: PassThrough, source: ReadableSource) => unknown]>([
    ['completed', (stream) => stream.end()],
    ['failed', (stream) => stream.destroy(new Error('over'))],
    ['was cancelled', (_stream, source) => source.cancel()],
  ])('leaves no listener of its own on a stream that %s, but the one for errors', async (_, end) => {
    const stream = new PassThrough();
    const before = listeners(stream);
    const { source, sink } = open(stream);
    stream.write('x');
    await sink.until(() => sink.values.length === 1);
    end(stream, source);
    await new Promise<void>((resolve) => stream.on('close', resolve));
    await macrotask();
    stream.removeAllListeners('close');
    expect(listeners(stream)).toEqual(before.filter((name) => name !== 'close'));
    expect(stream.listenerCount('error')).toBe(1);
  });
});
