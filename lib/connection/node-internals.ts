import { Socket } from 'node:net';

/**
 * All that we use of Node and that it does not document. It stands here, and not in `http/internals.ts`, because
 * `connection/` may not import from `http/`.
 */

/** The part of Node's handle of a TCP socket that its own socket timeout looks at (`net.js`, `_onTimeout`). */
interface TcpHandle {
  /** Bytes that were handed to libuv and that the kernel has not taken. */
  readonly writeQueueSize?: number;
  /** Bytes that were handed to libuv since the socket exists. */
  readonly bytesWritten?: number;
  /** Under TLS: the handle of the TCP socket, which has the encrypted bytes. */
  readonly _parent?: TcpHandle | null;
}

interface HandledSocket {
  readonly writableLength: number;
  readonly _handle?: TcpHandle | null;
}

/**
 * Bytes a socket holds back. `writableLength` counts a large buffer as a whole until its last byte is gone; libuv's
 * queue shrinks while it goes.
 *
 * @internal
 */
export function pendingBytesOf(socket: { readonly writableLength: number }): number {
  const buffered = socket.writableLength;
  if (buffered === 0) return 0;
  return buffered + (tcpHandleOf(socket)?.writeQueueSize ?? 0);
}

/**
 * How many bytes the kernel has taken from a socket, so that a slow link that moves is told from a dead one: also in the
 * middle of one large write, which for Node is done or not done, and under TLS, where a write is one encrypted block.
 *
 * @returns `undefined` where there is no TCP socket, e.g. for an injected request
 * @internal
 */
export function takenBytesOf(socket: { readonly writableLength: number } | null): number | undefined {
  const handle = socket ? tcpHandleOf(socket) : undefined;
  if (handle?.bytesWritten === undefined || handle.writeQueueSize === undefined) return undefined;
  return handle.bytesWritten - handle.writeQueueSize;
}

function tcpHandleOf(socket: HandledSocket): TcpHandle | undefined {
  const handle = socket._handle ?? undefined;
  return handle?._parent ?? handle;
}

/**
 * Ends a TCP connection by RST instead of FIN, also the one under TLS.
 *
 * @internal
 */
export function resetSocket(socket: Socket): void {
  const { _parent: below } = socket as { _parent?: Socket | null };
  const tcp = below ?? socket;
  // Where an end is under way already a reset fails, and Node forgets the handle.
  if (tcp.writableEnded || tcp.destroyed || typeof tcp.resetAndDestroy !== 'function') socket.destroy();
  else tcp.resetAndDestroy();
}

/**
 * Whether a socket of this Node tells what libuv holds, and what the kernel has taken. Nothing is connected: the handle is made at once, and the address
 * is looked at in the next tick.
 */
export function tellsWriteQueueSize(): boolean {
  const socket = new Socket();
  socket.on('error', () => undefined);
  socket.connect({ host: '127.0.0.1', port: 9 });
  const isTold = takenBytesOf(socket) !== undefined;
  socket.destroy();
  return isTold;
}
