import { isTimed } from '../backplane/abilities.js';
import type { SseGapReason } from '../protocol/gap-reason.js';
import type { StoppableReader } from '../replay/store-reader.js';
import type { ChannelCursor } from '../replay/channel-cursor.js';
import { parseResume } from '../channel/position-vector.js';
import type { ReplayResources } from '../replay/replay-resources.js';

/** How a client begins. */
export interface Beginning {
  /** It brought no id. */
  readonly isFresh: boolean;
  /** It must be told its position at once. Without a position it could not come back to the same place. */
  readonly isUntold: boolean;
  /** Resolves when the store has answered, if it must be asked first. */
  readonly pending: Promise<void> | undefined;
}

/**
 * Puts each cursor where the client goes on, by the id that it brought. All channels are ready.
 *
 * @internal
 */
export function beginAt(
  cursors: readonly ChannelCursor[],
  lastEventId: string | undefined,
  replay: ReplayResources,
  stream: StoppableReader,
): Beginning {
  const resume = parseResume(lastEventId);
  const { retains } = replay.backplane;
  const isFresh = resume.kind === 'fresh';
  const fresh: ChannelCursor[] = [];
  let isKnown = false;
  for (const cursor of cursors) {
    const position = positionOf(cursor);
    isKnown ||= position !== undefined;
    if (position !== undefined) cursor.resumeAt(position, retains);
    else fresh.push(cursor);
  }
  const pending: Promise<void>[] = [];
  if (isFresh || isKnown || resume.kind === 'position') {
    for (const cursor of fresh) {
      cursor.isFresh = isFresh;
      const found = startFresh(cursor, replay, stream);
      if (found) pending.push(found);
    }
  } else {
    for (const cursor of fresh) cursor.miss(resume.kind === 'malformed' ? 'malformed' : 'unknown');
  }
  if (resume.kind === 'position' && cursors.length > 1) {
    // First all cursors begin. Then the channel that has the position moves to it.
    const begun = Promise.all(pending.splice(0));
    pending.push(begun.then(() => adopt(resume.position, cursors, replay, stream)));
  }
  return {
    isFresh,
    isUntold: isFresh || (fresh.length > 0 && (isKnown || resume.kind === 'position')),
    pending: pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined),
  };

  function positionOf({ hash }: ChannelCursor): string | undefined {
    if (resume.kind === 'position') return cursors.length === 1 ? resume.position : undefined;
    return resume.kind === 'vector' ? resume.positions.get(hash) : undefined;
  }
}

/** Begins in a channel that the client's id does not name. @returns a promise if the store must be asked */
export function startFresh(
  cursor: ChannelCursor,
  replay: ReplayResources,
  stream: StoppableReader,
): Promise<void> | undefined {
  const { from, channel } = cursor;
  const { backplane, reader } = replay;
  cursor.startFresh(backplane.retains);
  if (!backplane.retains || typeof from === 'string' || !('time' in from)) return undefined;
  if (!isTimed(backplane)) {
    // The backplane knows no times. So the client gets everything that is kept: too much, but nothing is missing.
    cursor.startEarliest(true);
    return undefined;
  }
  const before = Number(from.time);
  return reader
    .ask(stream, () => backplane.positionBefore(channel.name, before))
    .then((position) => (position === undefined ? cursor.startEarliest(true) : cursor.resumeAt(position, true)));
}

/** Uses the position of a client that came from one channel to several. It belongs to the channel that knows it. */
async function adopt(
  position: string,
  cursors: readonly ChannelCursor[],
  { backplane, reader }: ReplayResources,
  stream: StoppableReader,
): Promise<void> {
  // To other channels the position is foreign. Any other answer comes from the channel that made it.
  let reason: SseGapReason = 'foreign';
  for (const cursor of cursors) {
    const isInLog = cursor.channel.log.cursorAfter(position) !== undefined;
    const page = isInLog ? { gap: undefined } : await reader.read(stream, cursor.channel.name, position, 1);
    if (!page) return;
    const { gap } = page;
    if (gap === undefined) return cursor.resumeAt(position, backplane.retains);
    if (gap !== 'foreign') reason = gap;
  }
  for (const cursor of cursors) cursor.miss(reason);
}
