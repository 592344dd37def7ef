import { createServer, get, type Server } from 'node:http';
import { connect, createServer as createHttp2Server, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Encoding } from '../protocol/encoding.js';
import { lineEndingEncoding } from '../protocol/line-ending.js';
import { WireText } from '../protocol/wire-text.js';
import { chooseWriter } from './choose-writer.js';
import type { Writer } from './writer.js';

/** Compression that many can share: what is behind a full flush refers to nothing before it. */
class Deflate implements Encoding {
  calls = 0;

  encode(text: string): Buffer {
    this.calls++;
    return deflateRawSync(text, { finishFlush: constants.Z_FULL_FLUSH });
  }

  static decode(body: Buffer): string {
    return inflateRawSync(body, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
  }
}

const transports = [
  { name: 'DirectWriter', isPlain: false, isHttp2: false },
  { name: 'PlainWriter', isPlain: true, isHttp2: false },
  { name: 'Http2Writer', isPlain: false, isHttp2: true },
];

describe.each(transports)('$name', ({ name, isPlain, isHttp2 }) => {
  let server: Server | Http2Server | undefined;
  afterEach(() => new Promise((resolve) => server?.close(resolve)));

  /** @returns the body that a client gets of what is written */
  async function body(encoding: Encoding, write: (writer: Writer) => void): Promise<Buffer> {
    const answer = (res: Parameters<typeof chooseWriter>[0]) => {
      // As a tracing agent does: then nothing may be written beside it.
      if (isPlain && 'chunkedEncoding' in res) res.write = res.write.bind(res);
      (res as { writeHead(status: number): unknown }).writeHead(200);
      const writer = chooseWriter(res, encoding);
      expect(writer.constructor.name).toBe(name);
      writer.begin();
      write(writer);
      writer.flush?.();
      writer.end(true);
    };
    server = isHttp2 ? createHttp2Server((_, res) => answer(res)) : createServer((_, res) => answer(res));
    await new Promise<void>((resolve) => server?.listen(0, resolve));
    const { port } = server.address() as AddressInfo;
    if (!isHttp2) return buffer(await new Promise<Readable>((resolve) => get({ port, agent: false }, resolve)));
    const session = connect(`http://localhost:${port}`);
    const received = await buffer(session.request());
    session.close();
    return received;
  }

  it('writes events as they are, where lines end in \\n', async () => {
    const received = await body(lineEndingEncoding('\n'), (writer) => {
      writer.write('data: é\n\n');
      writer.writeShared(new WireText('data: 2\n\n'));
    });
    expect(received.toString()).toBe('data: é\n\ndata: 2\n\n');
  });

  it('writes what an encoding makes of events, their own and shared ones, and counts those bytes', async () => {
    let sent = 0;
    const received = await body(lineEndingEncoding('\r\n'), (writer) => {
      writer.write('data: é\n\n');
      writer.writeShared(new WireText('data: 2\n\n'));
      sent = writer.bytesSent;
    });
    expect(received.toString()).toBe('data: é\r\n\r\ndata: 2\r\n\r\n');
    expect(sent).toBe(received.length);
  });

  it('takes an encoding that makes bytes, and has it encode shared events once', async () => {
    const deflate = new Deflate();
    const shared = new WireText(`data: ${'é'.repeat(200)}\n\n`);
    shared.in(deflate);
    let sent = 0;
    const received = await body(deflate, (writer) => {
      writer.write('data: 1\n\n');
      writer.writeShared(shared);
      writer.writeShared(shared);
      sent = writer.bytesSent;
    });
    expect(Deflate.decode(received)).toBe(`data: 1\n\n${shared.text}${shared.text}`);
    expect(sent).toBe(received.length);
    expect(deflate.calls).toBe(2);
  });
});
