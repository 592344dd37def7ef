import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Stands before some nodes, and takes another one for each request. It loses a connection in the middle of an answer, when
 * it is told where: so that the client comes back to a node that has not written the beginning.
 */
export class CuttingFront {
  /** The requests so far: their methods and paths. */
  readonly requests: string[] = [];
  private cut: ((response: IncomingMessage, target: ServerResponse) => void) | undefined;
  private readonly server = createServer((incoming, target) => this.pass(incoming, target));

  /** @param nodes their addresses, `http://127.0.0.1:40123` */
  constructor(private readonly nodes: readonly string[]) {}

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** The next event stream is lost after so many of its events, and so many bytes of the one that follows. */
  cutNext(events: number, bytes = 0): void {
    this.cut = (response, target) => {
      response.setEncoding('latin1');
      let text = '';
      let isCut = false;
      response.on('data', (chunk: string) => {
        text += chunk;
        const end = endOf(text, events);
        if (isCut || end === -1 || text.length < end + bytes) return;
        isCut = true;
        // What was sent before arrives; an end does not.
        target.write(Buffer.from(text.slice(0, end + bytes), 'latin1'), () => target.destroy());
      });
      // It is over before: all of it arrives.
      response.on('end', () => isCut || target.end(Buffer.from(text, 'latin1')));
    };
  }

  private pass(incoming: IncomingMessage, target: ServerResponse): void {
    const node = this.nodes[this.requests.length % this.nodes.length]!;
    this.requests.push(`${incoming.method} ${incoming.url}`);
    const { method, headers } = incoming;
    const outgoing = request(node + incoming.url, { method, headers, agent: false }, (response) => {
      target.writeHead(response.statusCode ?? 500, response.headers).flushHeaders();
      const isStream = response.headers['content-type']?.startsWith('text/event-stream');
      if (!isStream || !this.cut) return void response.pipe(target);
      this.cut(response, target);
      this.cut = undefined;
    });
    outgoing.on('error', () => target.destroy());
    target.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }
}

/** Where the first so many events end; -1 if they are not all there. A frame without data, of a ping or a position, is none. */
function endOf(text: string, events: number): number {
  let end = 0;
  for (let left = events; left > 0;) {
    const next = text.indexOf('\n\n', end);
    if (next === -1) return -1;
    if (/^data:/m.test(text.slice(end, next))) left--;
    end = next + 2;
  }
  return end;
}
