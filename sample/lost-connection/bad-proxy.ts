import { connect, createServer, type Server } from 'node:net';
import { pipeline } from 'node:stream';

/** Passes everything on, and cuts each connection after a while, in the middle of whatever is on its way. */
export function startBadProxy({ from, to, cutEveryMs }: { from: number; to: number; cutEveryMs: number }): Server {
  const server = createServer((client) => {
    const upstream = connect(to, '127.0.0.1');
    pipeline(client, upstream, client, () => client.destroy());
    setTimeout(() => client.resetAndDestroy(), cutEveryMs).unref();
  });
  return server.listen(from);
}
