interface Destroyable {
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

const open = new Set<Destroyable>();

/** Ends a client's socket with the spec file, if a spec has not: an open one keeps jest's worker from exiting. */
export function endWithFile<T extends Destroyable>(socket: T): T {
  open.add(socket);
  socket.once('close', () => open.delete(socket));
  return socket;
}

afterAll(() => {
  for (const socket of open) socket.destroy();
});
