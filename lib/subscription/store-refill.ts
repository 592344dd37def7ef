import type { ChannelCursor } from '../replay/channel-cursor.js';
import type { StorePage, StorePages } from '../replay/store-pages.js';
import type { StoppableReader } from '../replay/store-reader.js';

/**
 * What comes next for a cursor that is not in the log. `'inLog'`: it is in the log again. `'paused'`: there is no room, or
 * nothing new. A page of the store is to be sent. A promise settles when the store has answered.
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
  // What is read has to be kept until there is room: as long as there is none, it stays in the store.
  if (!isWritable) return 'paused';
  const page = read?.after === cursor.position ? read : pages.find(channel.name, cursor.position);
  if (page) return page;
  // Asked before, and this node has heard of nothing since.
  return cursor.askedAt === channel.log.next ? 'paused' : readPage(cursor, pages, reader);
}

async function readPage(cursor: ChannelCursor, pages: StorePages, reader: StoppableReader): Promise<void> {
  const { channel, position } = cursor;
  const { next } = channel.log;
  const page = await pages.read(reader, channel.name, position);
  if (reader.isStopped || !page) return;
  if (page.gap !== undefined) cursor.miss(page.gap);
  // All who waited for it go on now: each when it is its turn.
  else if (page.events > 0) cursor.page = page;
  // Whatever the channel had is gone. What came while the store was asked is in the log, from there on.
  else if (page.isTrimmed) cursor.miss('trimmed');
  else if (position === undefined) cursor.startAt(next);
  // The store has no more, and this node does not know that position yet: its turn comes through the log.
  else cursor.askedAt = next;
}
