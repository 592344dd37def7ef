import { Socket } from 'node:net';

/**
 * All that we use of Node and that it does not document. It stands here, and not in `http/internals.ts`, because
 * `connection/` may not import from `http/`.
 */

/** The part of a libuv handle that Node's own socket timeout looks at (`net.js`, `_onTimeout`). */
interface QueueHandle {
  readonly writeQueueSize?: number;
}

/** Bytes that libuv holds of what a socket has given it; `undefined` for what has no libuv handle of its own. */
export function writeQueueSizeOf(socket: object): number | undefined {
  return (socket as { readonly _handle?: QueueHandle | null })._handle?.writeQueueSize;
}

/**
 * Whether a socket of this Node tells what libuv holds. Nothing is connected: the handle is made at once, and the address
 * is looked at in the next tick.
 */
export function tellsWriteQueueSize(): boolean {
  const socket = new Socket();
  socket.on('error', () => undefined);
  socket.connect({ host: '127.0.0.1', port: 9 });
  const isTold = typeof writeQueueSizeOf(socket) === 'number';
  socket.destroy();
  return isTold;
}
