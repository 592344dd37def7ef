import type { INestApplication } from '@nestjs/common';
import compression from 'compression';
import { spawn } from 'node:child_process';
import { open } from './client.js';
import { platforms, type Platform, type Running } from './platforms.js';
import { get, RawClient } from './raw-client.js';
import { startTlsFront } from './tls-front.js';

/** A client of one stream that reads only when it is asked to. */
export interface Peer {
  /** Reads about `limit` bytes of the body, or fewer. @returns whether there may be more */
  read(limit: number): Promise<boolean>;
  /** Reads to the end. @returns all of the body, and whether the end looked like that of a whole body */
  rest(): Promise<{ text: string; isClean: boolean }>;
  /** Leaves. */
  leave(): void;
}

/** A way from the application to its client. */
export interface Transport {
  readonly name: string;
  readonly platform: Platform;
  configure?(app: INestApplication): unknown;
  /** @returns how to open a stream, and what to call in the end */
  ready(running: Running): Promise<{ open(path: string): Promise<Peer>; stop(): Promise<void> }>;
}

const [express, fastify, http2] = platforms as [Platform, Platform, Platform];
const nothing = () => Promise.resolve();

const direct = (running: Running) =>
  Promise.resolve({ open: async (path: string) => streamPeer(await open(running, path)), stop: nothing });

export const transports: readonly Transport[] = [
  {
    name: 'HTTP/1.0, as nginx speaks by default',
    platform: express,
    ready: ({ url }) => Promise.resolve({ open: (path) => Promise.resolve(curlPeer(url + path)), stop: nothing }),
  },
  { name: 'HTTP/1.1 on Express', platform: express, ready: direct },
  { name: 'HTTP/1.1 on Fastify', platform: fastify, ready: direct },
  {
    name: 'HTTP/1.1 over TLS',
    platform: express,
    async ready({ app }) {
      const front = await startTlsFront(app);
      return {
        open: async (path) => tlsPeer(await RawClient.open(front.url, get(path), true)),
        stop: () => front.stop(),
      };
    },
  },
  {
    name: 'HTTP/1.1 behind compression()',
    platform: express,
    configure: (app) => app.use(compression()),
    ready: (running) =>
      Promise.resolve({
        open: async (path) => streamPeer(await open(running, path, { headers: { 'accept-encoding': 'gzip' } })),
        stop: nothing,
      }),
  },
  { name: 'HTTP/2', platform: http2, ready: direct },
];

function streamPeer(client: Awaited<ReturnType<typeof open>>): Peer {
  const chunks = (client.body as AsyncIterable<string>)[Symbol.asyncIterator]();
  let text = '';
  const next = async () => {
    const { done, value } = await chunks.next();
    if (!done) text += value;
    return !done;
  };
  return {
    async read(limit) {
      const length = text.length + limit;
      while (text.length < length) if (!(await next())) return false;
      return true;
    },
    async rest() {
      try {
        while (await next());
        return { text, isClean: true };
      } catch {
        return { text, isClean: false };
      }
    },
    leave: () => client.leave(),
  };
}

/** Reads on until there were `limit` bytes. @param next reads some: how many, 0 at the end. @returns whether they came */
async function readAtLeast(next: () => Promise<number>, limit: number): Promise<boolean> {
  for (let left = limit; left > 0;) {
    const length = await next();
    if (length === 0) return false;
    left -= length;
  }
  return true;
}

function tlsPeer(client: RawClient): Peer {
  let head: Promise<unknown> | undefined;
  const parts: Buffer[] = [];
  const next = async () => {
    await (head ??= client.head());
    const bytes = await client.read();
    parts.push(bytes);
    return bytes.length;
  };
  return {
    read: (limit) => readAtLeast(next, limit),
    async rest() {
      while ((await next()) > 0);
      return dechunk(Buffer.concat(parts));
    },
    leave: () => client.destroy(),
  };
}

/**
 * HTTP/1.0 ends a body by a FIN, and Node's own sockets take a reset for one when they have not read everything. curl
 * tells them apart, and does not read from the network what nobody reads from it.
 */
function curlPeer(url: string): Peer {
  const curl = spawn('curl', ['--http1.0', '-sSN', url], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exit = new Promise<number | null>((resolve, reject) => curl.once('error', reject).once('exit', resolve));
  const chunks = curl.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const parts: Buffer[] = [];
  const next = async () => {
    const { done, value } = await chunks.next();
    if (done) return 0;
    parts.push(value);
    return value.length;
  };
  return {
    read: (limit) => readAtLeast(next, limit),
    async rest() {
      while ((await next()) > 0);
      return { text: Buffer.concat(parts).toString(), isClean: (await exit) === 0 };
    },
    leave() {
      curl.kill('SIGKILL');
      curl.stdout.destroy();
    },
  };
}

function dechunk(raw: Buffer): { text: string; isClean: boolean } {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = raw.indexOf('\r\n', at);
    const size = lineEnd < 0 ? NaN : Number.parseInt(raw.toString('latin1', at, lineEnd), 16);
    const isWhole = raw.length >= lineEnd + 4 + size;
    if (size > 0 && isWhole) chunks.push(raw.subarray(lineEnd + 2, lineEnd + 2 + size));
    if (!(size > 0) || !isWhole) return { text: Buffer.concat(chunks).toString(), isClean: size === 0 && isWhole };
    at = lineEnd + 4 + size;
  }
}
