import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { Server as TlsServer } from 'node:tls';

/**
 * What is needed of an application: every `INestApplication` has it.
 *
 * @publicApi
 */
export interface SseTestApp {
  getHttpServer(): unknown;
  listen(port: number, hostname: string): Promise<unknown>;
}

/** Where an application can be reached, and how. @internal */
export interface ServerAddress {
  readonly server: Server;
  /** For `net.connect()`. */
  readonly target: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly isTls: boolean;
  readonly isHttp2: boolean;
}

/** Applications that are beginning to listen: two streams that are opened at a time must not begin twice. */
const starting = new WeakMap<SseTestApp, Promise<unknown>>();

/** Where the application listens. One that does not listen begins to, on a free port. @internal */
export async function serverAddress(app: SseTestApp): Promise<ServerAddress> {
  const serverOf = () => app.getHttpServer() as Server;
  if (!serverOf().listening) {
    let start = starting.get(app);
    if (!start) starting.set(app, (start = app.listen(0, '127.0.0.1').finally(() => starting.delete(app))));
    await start;
  }
  const server = serverOf();
  if (!server.listening) await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  return {
    server,
    target: typeof address === 'string' ? { path: address } : { host: reachable(address.address), port: address.port },
    isTls: server instanceof TlsServer,
    // Only the servers of node:http2 have it. Their classes cannot be imported.
    isHttp2: 'updateSettings' in server,
  };
}

/** An address that stands for all of them cannot be connected to everywhere. */
function reachable(address: string): string {
  if (address === '::') return '::1';
  return address === '0.0.0.0' ? '127.0.0.1' : address;
}
