/**
 * Calls `onLate` when so much time has passed, unless it is stopped.
 *
 * Timers come before sockets: a process that was busy or stopped for longer than `ms` would otherwise give up what has been
 * answered long ago and waits in the kernel to be read. One look at the sockets comes between.
 *
 * @returns what stops it
 * @internal
 */
export function deadline(ms: number, onLate: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => (immediate = setImmediate(onLate)), ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}

/** What `work` resolves with, or a rejection when that takes longer. @internal */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let stop: (() => void) | undefined;
  const late = new Promise<never>((_, reject) => {
    stop = deadline(ms, () => reject(new Error(`no answer within ${ms} ms`)));
  });
  return await Promise.race([work, late]).finally(stop);
}
