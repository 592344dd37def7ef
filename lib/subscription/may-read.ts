import type { Connection } from '../connection/connection.js';

/**
 * Asks the application's `authorize` whether the client of a connection may read channels.
 *
 * @returns the first one that it may not read, if there is any
 * @throws what `authorize` throws
 * @internal
 */
export async function firstForbidden(
  { options: { authorize }, request }: Connection,
  names: readonly string[],
): Promise<string | undefined> {
  if (!authorize) return undefined;
  const answers: unknown[] = await Promise.all(names.map(async (name) => await authorize(name, request)));
  return names.find((_, index) => answers[index] !== true);
}
