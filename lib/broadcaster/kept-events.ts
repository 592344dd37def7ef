import type { SseBackplane } from '../backplane/backplane.js';
import { readLog, readLogInTurns, readStore } from '../channel/channel-history.js';
import type { ChannelSet } from '../channel/channel-set.js';
import type { SseStoredEvent } from '../protocol/sse-stored-event.js';

/** The first events of a channel, with room for what else a life begins with. */
const EXISTS_PAGE = 10;

/**
 * Reads the events that are kept of channels, in the backplane or in their logs.
 *
 * @internal
 */
export class KeptEvents {
  constructor(
    private readonly backplane: SseBackplane,
    private readonly set: ChannelSet,
  ) {}

  /** Oldest first. */
  async events(name: string, limit: number, after: string | undefined): Promise<SseStoredEvent[]> {
    const events: SseStoredEvent[] = [];
    if (this.backplane.retains) {
      // One more, because the beginning of a life is an entry too.
      for await (const { event } of readStore(this.backplane, name, limit + 1, after)) {
        if (event && events.push(event) === limit) break;
      }
      return events;
    }
    const log = this.set.find(name)?.log;
    return log ? await readLogInTurns(log, after, limit) : [];
  }

  /** Whether there is something to read, or a life that has begun and not ended. */
  async exists(name: string): Promise<boolean> {
    if (!this.backplane.retains) {
      const log = this.set.find(name)?.log;
      return log !== undefined && !readLog(log).next().done;
    }
    // A life that has begun and not ended is being produced on another node, even if it has no event yet.
    let isGoingOn = false;
    for await (const { event, isStart, isEnd } of readStore(this.backplane, name, EXISTS_PAGE)) {
      if (event) return true;
      isGoingOn = (isGoingOn || isStart) && !isEnd;
    }
    return isGoingOn;
  }
}
