import { Buffer } from 'node:buffer';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { ServerAddress } from './server-address.js';

/** A request as it goes out. @internal */
export interface OutgoingTestRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

/** One request and its response, on a connection of its own. @internal */
export interface Exchange {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
  /**
   * Gives the connection up.
   *
   * @param isCut without a FIN, by a reset
   * @returns a promise that resolves when the client's end and the server's end of the connection are closed
   */
  leave(isCut: boolean): Promise<void>;
}

/**
 * Sends a request. Resolves with the headers of the response.
 *
 * @param signal when aborted before that, gives up: then it rejects when both ends of the connection are closed
 * @internal
 */
export async function exchange(
  address: ServerAddress,
  request: OutgoingTestRequest,
  signal: AbortSignal,
): Promise<Exchange> {
  const line = new Line(address);
  const giveUp = (): void => void line.leave(true);
  signal.addEventListener('abort', giveUp);
  try {
    return await (address.isHttp2 ? askHttp2(line, request) : askHttp1(line, request));
  } catch (error) {
    await line.leave(true);
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** The connection: both of its ends, because the server runs in this process. */
class Line {
  readonly socket: Socket;
  private readonly accepted = new Map<number | undefined, Socket>();
  private readonly accept = (socket: Socket): void => void this.accepted.set(socket.remotePort, socket);
  private localPort: number | undefined;

  constructor(readonly address: ServerAddress) {
    address.server.on('connection', this.accept);
    this.socket = connect(address.target);
    // It has failed for whoever waits for the response.
    this.socket.on('error', () => undefined);
    this.socket.once('connect', () => (this.localPort = this.socket.localPort));
  }

  /** What HTTP speaks on. */
  open(): Socket {
    const { socket, address } = this;
    if (!address.isTls) return socket;
    const secure = connectTls({
      socket,
      servername: 'localhost',
      // The server is the application under test.
      rejectUnauthorized: false,
      ALPNProtocols: [address.isHttp2 ? 'h2' : 'http/1.1'],
    });
    return secure.on('error', () => undefined);
  }

  async leave(isCut: boolean): Promise<void> {
    this.address.server.off('connection', this.accept);
    const { socket } = this;
    const other = this.localPort === undefined ? undefined : this.accepted.get(this.localPort);
    // Listens before it closes anything.
    const closed = [socket, ...(other ? [other] : [])].map(whenClosed);
    if (isCut) socket.resetAndDestroy();
    else socket.destroy();
    await Promise.all(closed);
  }

  /** No other connection of the server is of interest. */
  settled(): void {
    this.address.server.off('connection', this.accept);
    const own = this.accepted.get(this.localPort);
    this.accepted.clear();
    if (own) this.accepted.set(this.localPort, own);
  }
}

function whenClosed(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function askHttp1(line: Line, { method, path, headers, body }: OutgoingTestRequest): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const createConnection = () => line.open();
    const request = httpRequest({ method, path, headers, createConnection, setHost: false });
    request.on('response', (response) => {
      line.settled();
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: response,
        leave: (isCut) => line.leave(isCut),
      });
    });
    request.on('error', reject);
    // As bytes: Node would write text together with the headers, and those would not be Latin-1 any more.
    request.end(body === undefined ? undefined : Buffer.from(body as Uint8Array));
  });
}

function askHttp2(line: Line, { method, path, headers, body }: OutgoingTestRequest): Promise<Exchange> {
  const { connection: _connection, host, ...fields } = headers;
  return new Promise((resolve, reject) => {
    const scheme = line.address.isTls ? 'https' : 'http';
    const session = connectHttp2(`${scheme}://${host ?? 'localhost'}`, { createConnection: () => line.open() });
    session.on('error', reject);
    const stream = session.request({ ':method': method, ':path': path, ...fields }, { endStream: body === undefined });
    stream.on('error', reject);
    stream.on('response', ({ ':status': status = 0, ...responseHeaders }) => {
      line.settled();
      resolve({
        status,
        headers: responseHeaders,
        body: stream,
        leave: async (isCut) => {
          if (!isCut) stream.close(constants.NGHTTP2_CANCEL);
          const left = line.leave(isCut);
          session.destroy();
          await left;
        },
      });
    });
    stream.on('close', () => reject(new Error('the server has closed the HTTP/2 stream without an answer')));
    if (body !== undefined) stream.end(Buffer.from(body as Uint8Array));
  });
}
