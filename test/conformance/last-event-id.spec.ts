import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import { connect, createServer as createHttp2Server, type ClientHttp2Session, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { EventSource } from 'undici';
import { encodeEvent } from '../../lib/protocol/encoder.js';
import { decodeLastEventId, readLastEventId } from '../../lib/protocol/last-event-id.js';
import { runs } from '../support/runs.js';

/** Every kind of id that the encoder accepts, the odd ones first. */
const ids = [
  '…é',
  'à',
  '\u00a0x\u00a0',
  '\ufeffx',
  '\u2028',
  'a, b',
  '"quoted"; q=1',
  '😀',
  '1526919030474-55',
  '-7',
  'x'.repeat(128),
];

const seen: IncomingHttpHeaders[] = [];
let http1: Server;
let http2: Http2Server;
let session: ClientHttp2Session;

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

/** As a client must: "the last event ID string, encoded as UTF-8" (9.2.4). Node writes header strings as Latin-1. */
const asHeader = (id: string): string => Buffer.from(id).toString('latin1');

beforeAll(async () => {
  http1 = createServer((req, res) => {
    seen.push(req.headers);
    res.setHeader('Content-Type', 'text/event-stream');
    // Comes back at once, and the second time is told to stay away.
    if (req.headers['last-event-id'] !== undefined) res.statusCode = 204;
    res.end(res.statusCode === 204 ? undefined : encodeEvent({ id: '1-2~x', retry: 0, data: 'first' }));
  });
  http2 = createHttp2Server((req, res) => {
    seen.push(req.headers);
    res.end();
  });
  await new Promise<void>((listening) => http1.listen(0, '127.0.0.1', listening));
  await new Promise<void>((listening) => http2.listen(0, '127.0.0.1', listening));
  session = connect(`http://127.0.0.1:${portOf(http2)}`);
});

beforeEach(() => {
  seen.length = 0;
});

afterAll(async () => {
  await new Promise<void>((closed) => session.close(closed));
  await new Promise<unknown>((closed) => http1.close(closed));
  await new Promise<unknown>((closed) => http2.close(closed));
});

async function overHttp1(id: string): Promise<IncomingHttpHeaders | undefined> {
  await new Promise<void>((ended, failed) => {
    request({ port: portOf(http1), host: '127.0.0.1', headers: { 'Last-Event-ID': asHeader(id) } }, (res) => {
      res.resume().on('end', ended);
    })
      .on('error', failed)
      .end();
  });
  return seen.at(-1);
}

async function overHttp2(id: string): Promise<IncomingHttpHeaders | undefined> {
  await new Promise<void>((ended, failed) => {
    session
      .request({ ':path': '/', 'last-event-id': asHeader(id) })
      .on('error', failed)
      .on('end', ended)
      .resume()
      .end();
  });
  return seen.at(-1);
}

describe('an id that the encoder accepts', () => {
  it.each(ids)('is any of these: %j', (id) => {
    expect(encodeEvent({ id })).toBe(`id: ${id}\n\n`);
  });

  it.each(ids)('comes back unchanged over HTTP/1.1: %j', async (id) => {
    expect(readLastEventId((await overHttp1(id)) ?? {}, undefined)).toBe(id);
  });

  it.each(ids)('comes back unchanged over HTTP/2: %j', async (id) => {
    expect(readLastEventId((await overHttp2(id)) ?? {}, undefined)).toBe(id);
  });

  it('comes back unchanged for all of Unicode', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }), (any) => {
        try {
          encodeEvent({ id: any });
        } catch {
          return;
        }
        expect(decodeLastEventId(asHeader(any))).toBe(any);
        // What HTTP allows around a value, and a proxy may add.
        expect(decodeLastEventId(` \t${asHeader(any)}\t `)).toBe(any);
      }),
      { seed: 20_250_917, numRuns: runs(2_000) },
    );
  });

  it('comes back unchanged from an EventSource that reconnects', async () => {
    const source = new EventSource(`http://127.0.0.1:${portOf(http1)}/`);
    await new Promise<void>((closed) => {
      source.onerror = () => {
        if (source.readyState === source.CLOSED) closed();
      };
    });
    expect(seen.map((headers) => readLastEventId(headers, undefined))).toEqual([undefined, '1-2~x']);
  });
});
