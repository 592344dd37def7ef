import type { SseGapReason } from '../protocol/gap-reason.js';
import type {
  ChannelHead,
  ChannelStore,
  PageBounds,
  PositionOrder,
  StoredEntry,
  StoredRange,
} from './channel-store.js';

/** What follows a position directly, or why that can not be said. @internal */
export interface EntryRange {
  readonly entries: readonly StoredEntry[];
  readonly gap: SseGapReason | undefined;
  /** With a gap: what is stored beyond it, and the head, if that was asked and there is a channel at all. */
  readonly beyond: readonly StoredEntry[];
  readonly head: ChannelHead | undefined;
}

/**
 * What follows `after`, without a hole.
 *
 * A store hides what it dropped: what it has after a position begins with whatever is there. So the entry at `after`
 * itself is read first, and counts as there also when the next one says that it comes right behind it. And each entry must
 * refer to the one before it, or one in between was deleted.
 *
 * @internal
 */
export async function readAfter(
  store: ChannelStore,
  channel: string,
  after: string,
  bounds: PageBounds,
): Promise<EntryRange> {
  return rangeAfter(after, await store.from(channel, after, bounds), store.order);
}

function rangeAfter(after: string, { entries, head }: StoredRange, { timeOf }: PositionOrder): EntryRange {
  const first = entries[0];
  if (!first) {
    if (head?.head === after) return found([]);
    if (!head || head.isBare) return lost('foreign', [], head);
    return lost(timeOf(after) > timeOf(head.head) ? 'future' : 'trimmed', [], head);
  }
  if (first.position === after) entries.shift();
  else if (first.previous !== after) {
    const isForeign = first.life !== undefined && timeOf(after) < timeOf(first.life);
    return lost(isForeign ? 'foreign' : 'trimmed', entries, undefined);
  }
  const next = entries[0];
  if (next && next.event && next.previous !== after) return lost('trimmed', entries, undefined);
  return found(entries.slice(0, contiguous(entries)));
}

function found(entries: readonly StoredEntry[]): EntryRange {
  return { entries, gap: undefined, beyond: [], head: undefined };
}

function lost(gap: SseGapReason, beyond: readonly StoredEntry[], head: ChannelHead | undefined): EntryRange {
  return { entries: [], gap, beyond, head };
}

/** How many of the first entries refer each to the one before it. */
function contiguous(entries: readonly StoredEntry[]): number {
  let count = Math.min(1, entries.length);
  while (count < entries.length && entries[count]!.previous === entries[count - 1]!.position) count++;
  return count;
}
