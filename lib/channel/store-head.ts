import type { SseBackplane, SseBackplanePage } from '../backplane/backplane.js';
import type { Channel, ChannelWatcher } from './channel.js';
import type { Limit } from './place.js';

/** Entries that are asked of the store at a time. */
const PAGE_ENTRIES = 100;

/**
 * Finds where a channel ends at this moment, and waits until this node has everything up to there. What was published
 * may be stored, and yet be on its way to this node.
 *
 * @internal
 */
export class StoreHead {
  /** What was asked in this turn: connections that end together ask once for each channel. */
  private readonly asked = new Map<Channel, Promise<Limit>>();

  constructor(private readonly backplane: SseBackplane) {}

  /** @returns at once when the log of the channel is the store */
  of(channel: Channel, deadline: number): Limit | Promise<Limit> {
    if (!this.backplane.retains) return headOf(channel);
    let limit = this.asked.get(channel);
    if (!limit) {
      this.asked.set(channel, (limit = this.find(channel, deadline)));
      queueMicrotask(() => this.asked.delete(channel));
    }
    return limit;
  }

  private async find(channel: Channel, deadline: number): Promise<Limit> {
    const { log, name } = channel;
    for (let after = log.head, last: string | undefined; ;) {
      const page = await this.read(name, after, deadline);
      // The store is away: what this node knows is all there is.
      if (!page) return headOf(channel);
      if (page.gap !== undefined) {
        // What follows is known to the store alone, and on its way.
        if (!(await hasMoved(channel, () => log.head !== after, deadline))) return headOf(channel);
        after = log.head;
        continue;
      }
      last = page.entries.at(-1)?.position;
      if (page.entries.length === PAGE_ENTRIES) {
        after = last;
        continue;
      }
      const position = last ?? after;
      const isThere = () => position === undefined || log.cursorAfter(position) !== undefined;
      if (!(await hasMoved(channel, isThere, deadline))) return headOf(channel);
      return { number: (position === undefined ? undefined : log.cursorAfter(position)) ?? log.next, position };
    }
  }

  private async read(name: string, after: string | undefined, deadline: number): Promise<SseBackplanePage | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), Math.max(0, deadline - performance.now()));
    });
    try {
      return await Promise.race([this.backplane.read(name, after, PAGE_ENTRIES), late]);
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}

function headOf({ log }: Channel): Limit {
  return { number: log.next, position: log.head };
}

/** Waits for a fact about a channel. @returns whether it came true in time */
function hasMoved(channel: Channel, fact: () => boolean, deadline: number): Promise<boolean> {
  if (fact()) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (isTrue: boolean) => {
      clearTimeout(timer);
      channel.unwatch(watcher);
      resolve(isTrue);
    };
    const watcher: ChannelWatcher = { moved: () => fact() && settle(true) };
    const timer = setTimeout(() => settle(fact()), Math.max(0, deadline - performance.now()));
    channel.watch(watcher);
  });
}
