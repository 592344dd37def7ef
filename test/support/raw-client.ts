import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { endWithFile } from './client-sockets.js';

/** One response as it was on the wire. */
export interface RawResponse {
  readonly status: number;
  readonly version: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly framing: 'chunked' | 'length' | 'until close' | 'none';
  /** The payload of each chunk, or of each read when the body is not chunked. */
  readonly chunks: readonly Buffer[];
  readonly body: Buffer;
}

/**
 * A TCP client that reads only when it is asked to, and takes HTTP/1 apart by itself: it throws at the first byte that
 * the framing (RFC 9112 §6, §7.1) does not allow, which a forgiving client would not see.
 */
export class RawClient {
  private unread: Buffer[] = [];
  private wake: (() => void) | undefined;
  /** Bytes taken from the socket so far. */
  received = 0;
  /** The peer's FIN was seen. */
  ended = false;
  error: Error | undefined;

  private constructor(readonly socket: Socket) {
    socket.on('error', (error) => (this.error = error));
    for (const event of ['readable', 'end', 'close'] as const) socket.on(event, () => this.wake?.());
    socket.on('end', () => (this.ended = true));
  }

  /** Connects to the server at `url`, and sends `request`. */
  static async open(url: string, request: string, tls = false): Promise<RawClient> {
    const { hostname: host, port: portText } = new URL(url);
    const port = Number(portText);
    const socket = tls ? connectTls({ host, port, rejectUnauthorized: false }) : connect({ host, port });
    await new Promise<void>((resolve, reject) => {
      socket.once(tls ? 'secureConnect' : 'connect', resolve);
      socket.once('error', reject);
    });
    const client = new RawClient(endWithFile(socket));
    client.send(request);
    return client;
  }

  send(text: string): void {
    this.socket.write(text);
  }

  /** Whether nothing more will come. */
  get isOver(): boolean {
    return this.ended || this.socket.destroyed;
  }

  /** The next bytes, at most `limit`; an empty buffer at the end. */
  async read(limit = 65_536): Promise<Buffer> {
    for (;;) {
      const bytes = this.takeUnread(limit) ?? this.takeFromSocket(limit);
      if (bytes) return bytes;
      if (this.isOver) return Buffer.alloc(0);
      await new Promise<void>((resolve) => (this.wake = resolve));
      this.wake = undefined;
    }
  }

  /** Reads `count` bytes, or fewer at the end. */
  async readExactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = count; left > 0;) {
      const bytes = await this.read(left);
      if (bytes.length === 0) break;
      parts.push(bytes);
      left -= bytes.length;
    }
    return Buffer.concat(parts);
  }

  /** Reads until `text` has come. @returns everything up to and with it */
  async readUntil(text: string): Promise<string> {
    const parts: Buffer[] = [];
    let tail = '';
    for (;;) {
      const bytes = await this.read();
      if (bytes.length === 0) {
        throw new Error(
          `the peer ended before ${JSON.stringify(text)}: ${JSON.stringify(Buffer.concat(parts).toString('latin1').slice(-300))}`,
        );
      }
      parts.push(bytes);
      const seen = tail + bytes.toString('latin1');
      const at = seen.indexOf(text);
      if (at !== -1) {
        const over = seen.length - at - text.length;
        if (over > 0) {
          parts[parts.length - 1] = bytes.subarray(0, bytes.length - over);
          this.putBack(bytes.subarray(bytes.length - over));
        }
        return Buffer.concat(parts).toString('latin1');
      }
      tail = seen.slice(-(text.length - 1) || seen.length);
    }
  }

  /** Reads to the FIN (or the RST). */
  async readAll(): Promise<Buffer> {
    return this.readExactly(Number.POSITIVE_INFINITY);
  }

  /** Reads the head of one response; the body is the caller's. */
  async head(): Promise<{ status: number; version: string; headers: Map<string, string> }> {
    const [statusLine = '', ...lines] = (await this.readUntil('\r\n\r\n')).slice(0, -4).split('\r\n');
    const match = /^HTTP\/(\d\.\d) (\d{3}) .*$/.exec(statusLine);
    if (!match) throw new Error(`not a status line: ${JSON.stringify(statusLine)}`);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon < 1) throw new Error(`not a header: ${JSON.stringify(line)}`);
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    return { version: match[1] ?? '', status: Number(match[2]), headers };
  }

  /** The payload of the next chunk; `undefined` for the last one, with the blank line after it. */
  async chunk(): Promise<Buffer | undefined> {
    const line = (await this.readUntil('\r\n')).slice(0, -2);
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`not a chunk size: ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    const payload = await this.readExactly(size);
    const after = (await this.readExactly(2)).toString('latin1');
    if (payload.length !== size || after !== '\r\n') {
      throw new Error(`a chunk of ${size} bytes ended early, or with ${JSON.stringify(after)}`);
    }
    return size === 0 ? undefined : payload;
  }

  /** Reads one whole response to `method`, and leaves what follows it. */
  async response(method = 'GET'): Promise<RawResponse> {
    const head = await this.head();
    const { status, headers } = head;
    const chunks: Buffer[] = [];
    const length = headers.get('content-length');
    let framing: RawResponse['framing'];
    if (method === 'HEAD' || status === 204 || status === 304) {
      framing = 'none';
    } else if (headers.get('transfer-encoding') === 'chunked') {
      framing = 'chunked';
      for (let chunk = await this.chunk(); chunk; chunk = await this.chunk()) chunks.push(chunk);
    } else if (length !== undefined) {
      framing = 'length';
      chunks.push(await this.readExactly(Number(length)));
    } else {
      framing = 'until close';
      for (let bytes = await this.read(); bytes.length > 0; bytes = await this.read()) chunks.push(bytes);
    }
    return { ...head, framing, chunks, body: Buffer.concat(chunks) };
  }

  /** Leaves with an RST, as a machine does that was switched off and came back. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private takeUnread(limit: number): Buffer | undefined {
    const [first] = this.unread;
    if (!first) return undefined;
    if (first.length <= limit) this.unread.shift();
    else this.unread[0] = first.subarray(limit);
    return first.subarray(0, limit);
  }

  private takeFromSocket(limit: number): Buffer | undefined {
    const { socket } = this;
    const available = Math.min(limit, socket.readableLength);
    const bytes = (available > 0 ? socket.read(available) : socket.read()) as Buffer | null;
    if (bytes === null) return undefined;
    this.received += bytes.length;
    return bytes;
  }

  private putBack(bytes: Buffer): void {
    this.unread.unshift(bytes);
  }
}

/** The text of a GET request. */
export function get(path: string, headers: Record<string, string> = {}, version = '1.1', method = 'GET'): string {
  const lines = Object.entries({ Host: 'test', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`;
}
