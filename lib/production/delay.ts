/**
 * Resolves after so many milliseconds, or at once when the signal is aborted.
 *
 * By the global `setTimeout()`, which fake timers take the place of. They do not know `node:timers/promises`.
 *
 * @internal
 */
export function delay(
  ms: number,
  { signal, ref = true }: { readonly signal?: AbortSignal; readonly ref?: boolean } = {},
): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (!ref) timer.unref();
    signal?.addEventListener('abort', done);
  });
}
