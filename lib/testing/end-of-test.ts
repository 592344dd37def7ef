/** What can be closed at the end of a test. @internal */
export interface Closeable {
  close(): Promise<void>;
}

/** Of all tests of this process. There is no application to keep it: a test may open streams of several. */
const open = new Set<Closeable>();

/**
 * Closes all streams that tests have opened and not closed.
 *
 * It is called by itself after each test of Jest, Mocha, node:test, and Vitest with `globals: true`. In Vitest without
 * globals, call it yourself.
 *
 * @example
 * import { afterEach } from 'vitest';
 * afterEach(closeStreams);
 *
 * @publicApi
 */
export async function closeStreams(): Promise<void> {
  await Promise.all([...open].map((one) => one.close()));
}

/**
 * Has something closed at the end of the test that runs now. To be called before anything is awaited: node:test knows the
 * running test by that.
 *
 * @returns what to call when it is closed
 * @internal
 */
export function closeAfterTest(one: Closeable): () => void {
  open.add(one);
  nodeTestHook()?.(() => one.close());
  return () => void open.delete(one);
}

type Hook = (action: () => Promise<void>) => void;

/** `after()` of node:test, if a test of it runs. Called in another runner it would begin a run of its own. */
function nodeTestHook(): Hook | undefined {
  const { moduleLoadList = [] } = process as unknown as { moduleLoadList?: readonly string[] };
  const isLoaded = process.env['NODE_TEST_CONTEXT'] !== undefined || moduleLoadList.includes('NativeModule test');
  if (!isLoaded || 'JEST_WORKER_ID' in process.env || 'VITEST' in process.env) return undefined;
  const { after } = (process.getBuiltinModule?.('node:test') ?? {}) as { after?: Hook };
  return after;
}

try {
  (globalThis as { afterEach?: Hook }).afterEach?.(closeStreams);
} catch {
  // Loaded while a test runs, when it is too late for hooks. The application's close() ends the streams.
}
