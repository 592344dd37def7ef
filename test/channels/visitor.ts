import { request } from 'node:http';
import { connect as connect2 } from 'node:http2';
import { connect } from 'node:net';
import { TcpProxy } from '../support/tcp-proxy.js';
import { BlockReader } from './oracle.js';

/** Asks for `path`, with an id if there is one, and tells of the head and of the text of the body. @returns how to leave */
type Dial = (
  port: number,
  path: string,
  id: string | undefined,
  onHead: () => void,
  onText: (text: string) => void,
) => () => void;

function headersOf(id: string | undefined): Record<string, string> {
  return id === undefined ? {} : { 'last-event-id': id };
}

const http1: Dial = (port, path, id, onHead, onText) => {
  const options = {
    port,
    host: '127.0.0.1',
    path,
    agent: false,
    headers: { connection: 'keep-alive', ...headersOf(id) },
  };
  const current = request(options, (response) => {
    onHead();
    response.setEncoding('utf8').on('data', onText);
    response.on('error', () => undefined);
  });
  current.on('error', () => undefined).end();
  return () => current.destroy();
};

const http10: Dial = (port, path, id, onHead, onText) => {
  const socket = connect(port, '127.0.0.1');
  const lines = Object.entries({ host: 'x', ...headersOf(id) }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${path} HTTP/1.0\r\n${lines.join('')}\r\n`);
  let head: string | undefined = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    if (head === undefined) return onText(text);
    head += text;
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    onHead();
    onText(head.slice(end + 4));
    head = undefined;
  });
  socket.on('error', () => undefined);
  return () => socket.destroy();
};

const http2: Dial = (port, path, id, onHead, onText) => {
  const session = connect2(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  const stream = session.request({ ':path': path, ...headersOf(id) });
  stream.on('response', onHead);
  stream.setEncoding('utf8').on('data', onText);
  stream.on('error', () => undefined);
  return () => session.destroy();
};

export const dials = { 'HTTP/1.1': http1, 'HTTP/1.0': http10, 'HTTP/2': http2 } as const;

/** A client with a link of its own, which can be cut behind any byte. */
export class Visitor extends BlockReader {
  /** Whether the headers have come since it connected last. */
  isAnswered = false;
  private hangUp: (() => void) | undefined;

  private constructor(
    readonly link: TcpProxy,
    private readonly protocol: keyof typeof dials,
    private readonly path: string,
  ) {
    super();
  }

  static async of(url: string, protocol: keyof typeof dials, path: string, id?: string): Promise<Visitor> {
    const visitor = new Visitor(await TcpProxy.to(Number(new URL(url).port)), protocol, path);
    visitor.lastId = id;
    return visitor;
  }

  /** Comes with the last id that it has. What the connection before still had to say is not heard. */
  connect(): void {
    this.hangUp?.();
    this.cut();
    this.isAnswered = false;
    let isCurrent = true;
    const onHead = () => {
      if (isCurrent) this.isAnswered = true;
    };
    const onText = (text: string) => {
      if (isCurrent) this.feed(text);
    };
    const leave = dials[this.protocol](this.link.port, this.path, this.lastId, onHead, onText);
    this.hangUp = () => {
      isCurrent = false;
      leave();
    };
  }

  /** Loses the connection, by RST or FIN, when what the link let through has been read. */
  async lose(how: 'RST' | 'FIN'): Promise<void> {
    // An RST makes the kernel throw away what was not read yet.
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    if (how === 'RST') this.link.reset();
    else this.link.finish();
  }

  async close(): Promise<void> {
    this.hangUp?.();
    await this.link.close();
  }
}
