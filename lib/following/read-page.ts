import type { SseBackplanePage } from '../backplane/backplane.js';
import type { SseGapReason } from '../protocol/gap-reason.js';
import { isWhole, toBackplaneEntry, type ChannelStore, type PageBounds, type StoredEntry } from './channel-store.js';
import { readAfter } from './entry-range.js';

/**
 * What a reader asked for. A position that is not one of the store's ends here, before any command.
 *
 * @internal
 */
export async function readPage(
  store: ChannelStore,
  channel: string,
  after: string | undefined,
  bounds: PageBounds,
): Promise<SseBackplanePage> {
  if (after !== undefined && !store.order.isPosition(after)) return gapPage('malformed');
  try {
    return after === undefined
      ? await readOldest(store, channel, bounds)
      : await readNext(store, channel, after, bounds);
  } catch (error) {
    if (store.isUnreadable(error)) return gapPage('store_lost');
    throw error;
  }
}

async function readNext(
  store: ChannelStore,
  channel: string,
  after: string,
  bounds: PageBounds,
): Promise<SseBackplanePage> {
  const { entries, gap } = await readAfter(store, channel, after, bounds);
  if (gap !== undefined) return gapPage(gap);
  const page = pageOf(entries);
  // Something is stored right behind the position, and nobody can read it.
  return page.entries.length === 0 && entries.length > 0 ? gapPage('store_lost') : page;
}

/** From the oldest entry on that can be read. */
async function readOldest(store: ChannelStore, channel: string, bounds: PageBounds): Promise<SseBackplanePage> {
  let beyond: string | undefined;
  for (;;) {
    const { entries, head } = await store.oldest(channel, beyond, bounds);
    const isBehindUnreadable = beyond !== undefined;
    const start = entries.findIndex(isWhole);
    const first = entries[start];
    if (first) {
      return { ...pageOf(entries.slice(start)), isTrimmed: isBehindUnreadable || start > 0 || first.isFirst !== true };
    }
    beyond = entries.at(-1)?.position;
    if (beyond === undefined) {
      return { entries: [], isTrimmed: isBehindUnreadable || (head !== undefined && !head.isBare) };
    }
  }
}

/** As many as refer each to the one before it. */
function pageOf(stored: readonly StoredEntry[]): SseBackplanePage {
  const entries = [];
  let last: string | undefined;
  for (const entry of stored) {
    if (!isWhole(entry) || (last !== undefined && entry.previous !== last)) break;
    entries.push(toBackplaneEntry(entry));
    last = entry.position;
  }
  return { entries };
}

function gapPage(gap: SseGapReason): SseBackplanePage {
  return { entries: [], gap };
}
