import { ServiceUnavailableException } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RawResponse } from './node-messages.js';

/** How many requests may wait on one socket. Browsers never pipeline, and others a few. */
const MAX_WAITING = 16;

/** Those that wait for their turn on a socket, each by what lets it go on. */
const WAITING = Symbol.for('nestjs-event-stream.waiting');

type CrowdedSocket = Socket & { [WAITING]?: Set<() => void> };

/**
 * An HTTP/1.1 client may send requests without waiting for the answers (pipelining, RFC 9112 §9.3.2), which leave one
 * after the other: behind a stream that may be never. A stream that is behind another waits here, before it has a
 * connection, a source or a buffer; what would be the 17th to wait is refused.
 *
 * @returns nothing if it is its turn, else a promise of it, which resolves too when the socket is gone
 * @throws {ServiceUnavailableException} if too many wait already
 * @internal
 */
export function turnInPipeline(res: RawResponse): Promise<true> | undefined {
  // A response gets its socket when it is its turn. One whose client is gone has none either.
  if (res.socket !== null || res.destroyed || res.writableEnded) return undefined;
  const { req } = res as ServerResponse;
  const socket = req?.socket as CrowdedSocket | undefined;
  if (!socket || socket.destroyed) return undefined;
  const waiting = (socket[WAITING] ??= new Set());
  if (waiting.size >= MAX_WAITING) {
    throw new ServiceUnavailableException('Too many event streams wait for their turn on this connection.');
  }
  return new Promise((resolve) => {
    const go = () => {
      waiting.delete(go);
      if (waiting.size === 0) socket.removeListener('close', onSocketClose);
      resolve(true);
    };
    // One listener, however many wait: each removal would search them all.
    if (waiting.size === 0) socket.once('close', onSocketClose);
    waiting.add(go);
    res.once('socket', go);
  });
}

function onSocketClose(this: CrowdedSocket): void {
  for (const go of [...(this[WAITING] ?? [])]) go();
}
