import type { ChannelCursor } from '../replay/channel-cursor.js';
import type { StorePage, StorePages } from '../replay/store-pages.js';
import type { StoppableReader } from '../replay/store-reader.js';

/**
 * What comes next for a cursor that is not in the log. `'inLog'`: it is in the log again. `'paused'`: there is no room. A page
 * of the store is to be sent. A promise settles when the store has answered.
 */
export type RefillStep = 'inLog' | 'paused' | StorePage | Promise<void>;

/**
 * Finds what comes next for a cursor that reads from the store.
 *
 * @param reader when it is stopped, the answer of the store changes nothing
 * @internal
 */
export function refillStep(
  cursor: ChannelCursor,
  pages: StorePages,
  reader: StoppableReader,
  isWritable: boolean,
): RefillStep {
  const { channel } = cursor;
  const read = cursor.page;
  cursor.page = undefined;
  if (cursor.findInLog()) return 'inLog';
  // A page that is read takes memory until it is sent. So it stays in the store until there is room.
  if (!isWritable) return 'paused';
  const page = read?.after === cursor.position ? read : pages.find(channel.name, cursor.position);
  return page ?? readPage(cursor, pages, reader);
}

/** Whether the store had no more, and this node has heard of nothing since. */
export function isUnheard({ isRefilling, askedAt, channel, page }: ChannelCursor): boolean {
  return isRefilling && !page && askedAt === channel.log.next;
}

async function readPage(cursor: ChannelCursor, pages: StorePages, reader: StoppableReader): Promise<void> {
  const { channel, position } = cursor;
  const { next } = channel.log;
  const page = await pages.read(reader, channel.name, position);
  if (reader.isStopped || !page) return;
  if (page.gap !== undefined) cursor.miss(page.gap);
  // All readers that waited for the page go on now, each in its own turn.
  else if (page.events > 0) cursor.page = page;
  // All events of the channel are gone. Events that came while the store was asked are in the log.
  else if (page.isTrimmed) cursor.miss('trimmed');
  else if (position === undefined) cursor.startAt(next);
  // The store has no more, and this node does not know the position yet. It will come through the log.
  else cursor.askedAt = next;
}
