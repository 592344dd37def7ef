import type { SseBackplanePage } from '../backplane/backplane.js';
import type { SseGapReason } from '../backplane/gap-reason.js';
import { isWhole, toBackplaneEntry, type StoredEntry } from './stored-entry.js';
import { isPosition, timeOf } from './stream-position.js';
import type { StreamStore } from './stream-store.js';

/**
 * What a reader asked for. A position that is not one of ours ends here, before any command.
 *
 * @internal
 */
export async function readPage(
  store: StreamStore,
  stream: string,
  after: string | undefined,
  limit: number,
): Promise<SseBackplanePage> {
  if (after === undefined) return await readOldest(store, stream, limit);
  if (!isPosition(after)) return gapPage('malformed');
  const { entries, gap } = await store.follow(stream, after, limit);
  if (gap !== undefined) return gapPage(gap);
  const page = pageOf(entries);
  // Something is stored right behind the position, and nobody can read it.
  return page.entries.length === 0 && entries.length > 0 ? gapPage('store_lost') : page;
}

/** From the oldest entry on that can be read and is not too old: trimming by age waits for the next publish. */
async function readOldest(store: StreamStore, stream: string, limit: number): Promise<SseBackplanePage> {
  let from = '-';
  for (;;) {
    const rows = await store.oldest(stream, from, limit);
    const now = Date.now();
    const start = rows.findIndex((row) => isWhole(row) && !isTooOld(row, now));
    if (start !== -1) return pageOf(rows.slice(start));
    const last = rows.at(-1);
    if (!last || rows.length < limit) return pageOf([]);
    from = `(${last.position}`;
  }
}

/** The clocks of Redis and of this node may differ: bounds on age are not for what is younger than that. */
function isTooOld({ position, maxAgeMs }: StoredEntry, now: number): boolean {
  return maxAgeMs > 0 && now - timeOf(position) >= maxAgeMs;
}

/** As many as refer each to the one before it. */
function pageOf(rows: readonly StoredEntry[]): SseBackplanePage {
  const entries = [];
  let last: string | undefined;
  for (const row of rows) {
    if (!isWhole(row) || (last !== undefined && row.previous !== last)) break;
    entries.push(toBackplaneEntry(row));
    last = row.position;
  }
  return { entries };
}

function gapPage(gap: SseGapReason): SseBackplanePage {
  return { entries: [], gap };
}
