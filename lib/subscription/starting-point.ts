import { isTimed } from '../backplane/abilities.js';
import type { SseGapReason } from '../protocol/gap-reason.js';
import type { PatientStream } from '../replay/store-reader.js';
import type { Place } from '../replay/channel-cursor.js';
import { parseResume } from '../channel/position-vector.js';
import type { ReplayResources } from '../replay/replay-resources.js';

/** How a client begins. */
export interface Beginning {
  /** It brought no id. */
  readonly isFresh: boolean;
  /** It is to be told its position at once: without that it could not come back to this place. */
  readonly isUntold: boolean;
  /** What the store must be asked first. */
  readonly pending: Promise<void> | undefined;
}

/**
 * Puts each place where the client goes on, by the id that it brought. All channels are ready.
 *
 * @internal
 */
export function beginAt(
  places: readonly Place[],
  lastEventId: string | undefined,
  replay: ReplayResources,
  stream: PatientStream,
): Beginning {
  const resume = parseResume(lastEventId);
  const { retains } = replay.backplane;
  const isFresh = resume.kind === 'fresh';
  const fresh: Place[] = [];
  let isKnown = false;
  for (const place of places) {
    const position = positionOf(place);
    isKnown ||= position !== undefined;
    if (position !== undefined) place.resumeAt(position, retains);
    else fresh.push(place);
  }
  const pending: Promise<void>[] = [];
  if (isFresh || isKnown || resume.kind === 'position') {
    for (const place of fresh) {
      place.isFresh = isFresh;
      const found = startFresh(place, replay, stream);
      if (found) pending.push(found);
    }
  } else {
    for (const place of fresh) place.miss(resume.kind === 'malformed' ? 'malformed' : 'unknown');
  }
  if (resume.kind === 'position' && places.length > 1) pending.push(adopt(resume.position, places, replay, stream));
  return {
    isFresh,
    isUntold: isFresh || (fresh.length > 0 && (isKnown || resume.kind === 'position')),
    pending: pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined),
  };

  function positionOf({ hash }: Place): string | undefined {
    if (resume.kind === 'position') return places.length === 1 ? resume.position : undefined;
    return resume.kind === 'vector' ? resume.positions.get(hash) : undefined;
  }
}

/** Begins in a channel that the client's id says nothing of. @returns when it is known where, if the store must be asked */
export function startFresh(place: Place, replay: ReplayResources, stream: PatientStream): Promise<void> | undefined {
  const { from, channel } = place;
  const { backplane, reader } = replay;
  place.startFresh(backplane.retains);
  if (!backplane.retains || typeof from === 'string' || !('time' in from)) return undefined;
  if (!isTimed(backplane)) {
    // All that is kept is more than was asked for, and nothing less.
    place.startEarliest(true);
    return undefined;
  }
  const before = Number(from.time);
  return reader
    .ask(stream, () => backplane.positionBefore(channel.name, before))
    .then((position) => (position === undefined ? place.startEarliest(true) : place.resumeAt(position, true)));
}

/** Takes the position of a client that came from one channel to several: it is of whichever has it. */
async function adopt(
  position: string,
  places: readonly Place[],
  { backplane, reader }: ReplayResources,
  stream: PatientStream,
): Promise<void> {
  // Another channel's position is a foreign one; any other answer is of the channel that minted it.
  let reason: SseGapReason = 'foreign';
  for (const place of places) {
    const isInLog = place.channel.log.cursorAfter(position) !== undefined;
    const page = isInLog ? { gap: undefined } : await reader.read(stream, place.channel.name, position, 1);
    if (!page) return;
    const { gap } = page;
    if (gap === undefined) return place.resumeAt(position, backplane.retains);
    if (gap !== 'foreign') reason = gap;
  }
  for (const place of places) place.miss(reason);
}
