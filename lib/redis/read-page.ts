import type { SseBackplanePage } from '../backplane/backplane.js';
import type { SseGapReason } from '../backplane/gap-reason.js';
import { ENTRY_OVERHEAD } from './script.js';
import { isWhole, toBackplaneEntry, type StoredEntry } from './stored-entry.js';
import { isPosition } from './stream-position.js';
import type { PageBounds, StreamStore } from './stream-store.js';
import { isUnreadable } from './unavailable.js';

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
  if (after !== undefined && !isPosition(after)) return gapPage('malformed');
  try {
    return after === undefined
      ? await readOldest(store, stream, bounds)
      : await readAfter(store, stream, after, bounds);
  } catch (error) {
    if (isUnreadable(error)) return gapPage('store_lost');
    throw error;
  }
}

async function readAfter(
  store: StreamStore,
  stream: string,
  after: string,
  bounds: PageBounds,
): Promise<SseBackplanePage> {
  const { entries, gap } = await store.follow(stream, after, bounds);
  if (gap !== undefined) return gapPage(gap);
  const page = pageOf(entries);
  // Something is stored right behind the position, and nobody can read it.
  return page.entries.length === 0 && entries.length > 0 ? gapPage('store_lost') : page;
}

/** From the oldest entry on that can be read. */
async function readOldest(store: StreamStore, stream: string, bounds: PageBounds): Promise<SseBackplanePage> {
  let from = '-';
  let isUnreadable = false;
  for (;;) {
    const { rows, head } = await store.oldest(stream, from, bounds);
    const start = rows.findIndex(isWhole);
    const first = rows[start];
    if (first) {
      return { ...pageOf(rows.slice(start)), isTrimmed: isUnreadable || start > 0 || !isBeginning(first) };
    }
    const last = rows.at(-1);
    if (!last) return { entries: [], isTrimmed: isUnreadable || (head !== undefined && !head.isBare) };
    isUnreadable = true;
    from = `(${last.position}`;
  }
}

/** Whether nothing of its life was before it, or nothing but the start, which is one byte. */
function isBeginning({ bytesBefore }: StoredEntry): boolean {
  return bytesBefore === undefined || bytesBefore <= ENTRY_OVERHEAD + 1;
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
