import type { SseBackplanePage } from '../backplane/backplane.js';
import type { SseGapReason } from '../backplane/gap-reason.js';
import { isWhole, toBackplaneEntry, type StoredEntry } from './stored-entry.js';
import { isPosition } from './stream-position.js';
import type { PageBounds, StreamStore } from './stream-store.js';

/**
 * What a reader asked for. A position that is not one of ours ends here, before any command.
 *
 * @internal
 */
export async function readPage(
  store: StreamStore,
  stream: string,
  after: string | undefined,
  bounds: PageBounds,
): Promise<SseBackplanePage> {
  if (after === undefined) return await readOldest(store, stream, bounds);
  if (!isPosition(after)) return gapPage('malformed');
  const { entries, gap } = await store.follow(stream, after, bounds);
  if (gap !== undefined) return gapPage(gap);
  const page = pageOf(entries);
  // Something is stored right behind the position, and nobody can read it.
  return page.entries.length === 0 && entries.length > 0 ? gapPage('store_lost') : page;
}

/** From the oldest entry on that can be read. */
async function readOldest(store: StreamStore, stream: string, bounds: PageBounds): Promise<SseBackplanePage> {
  let from = '-';
  for (;;) {
    const rows = await store.oldest(stream, from, bounds);
    const start = rows.findIndex(isWhole);
    const last = rows.at(-1);
    if (start !== -1 || !last) return pageOf(rows.slice(start));
    from = `(${last.position}`;
  }
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
