import type { SseBackplane, SseBackplanePage } from '../backplane/backplane.js';
import type { Channel, ChannelWatcher } from '../channel/channel.js';
import type { ReadLimit } from './channel-cursor.js';
import { queueMicrotask } from '../protocol/event-loop.js';

/** The size of one read, in entries and bytes. Only the positions are used. */
const PAGE_ENTRIES = 100;
const PAGE_BYTES = 262_144;

/** How many channels are asked for at once. When all connections end, publishing must not wait behind them. */
const READS_AT_ONCE = 64;

/** Between two questions that were not answered, in milliseconds. */
const RETRY_MS = 100;

/**
 * Finds where a channel ends at this moment, and waits until this node has everything up to there. What was published
 * may be stored, and yet be on its way to this node. `undefined`: nobody knows, because the store is away, or this node hears
 * nothing of what it has.
 *
 * @internal
 */
export class StoreHeads {
  /** The questions of this turn. Connections that end together ask once for each channel. */
  private readonly asked = new Map<Channel, Promise<ReadLimit | undefined>>();
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly backplane: SseBackplane) {}

  /** @returns at once when the log of the channel is the store */
  of(channel: Channel, deadline: number): ReadLimit | Promise<ReadLimit | undefined> {
    if (!this.backplane.retains) return headOf(channel);
    let limit = this.asked.get(channel);
    if (!limit) {
      this.asked.set(channel, (limit = this.find(channel, deadline)));
      queueMicrotask(() => this.asked.delete(channel));
    }
    return limit;
  }

  private async find(channel: Channel, deadline: number): Promise<ReadLimit | undefined> {
    const { log, name } = channel;
    for (let after = log.head; ;) {
      const page = await this.read(name, after, deadline);
      // The store is away, or does not come to an end.
      if (!page || performance.now() >= deadline) return undefined;
      if (page.gap !== undefined) {
        // What is stored there is no channel. Nothing was published.
        if (after === undefined) return headOf(channel);
        // The rest is known to the store only. It is on its way to this node.
        if (!(await hasMoved(channel, () => log.head !== after, deadline))) return undefined;
        after = log.head;
        continue;
      }
      const last = page.entries.at(-1);
      if (!last) return await reach(channel, after, deadline);
      after = last.position;
    }
  }

  private async read(name: string, after: string | undefined, deadline: number): Promise<SseBackplanePage | undefined> {
    if (this.running >= READS_AT_ONCE) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      // The sockets that wait keep the process alive, not this.
      timer = setTimeout(() => resolve(undefined), Math.max(0, deadline - performance.now())).unref();
    });
    try {
      return await Promise.race([this.ask(name, after, deadline), late]);
    } finally {
      clearTimeout(timer);
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }

  /** Asks until it is answered: a store that is being replaced refuses for a moment. */
  private async ask(name: string, after: string | undefined, deadline: number): Promise<SseBackplanePage | undefined> {
    while (performance.now() < deadline) {
      try {
        return await this.backplane.read(name, after, PAGE_ENTRIES, PAGE_BYTES);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
    return undefined;
  }
}

/** Where this node says that a channel ends. @internal */
export function headOf({ log }: Channel): ReadLimit {
  return { number: log.next, position: log.head };
}

/** Waits until this node has everything up to a position. */
async function reach(channel: Channel, position: string | undefined, deadline: number): Promise<ReadLimit | undefined> {
  const { log } = channel;
  if (position === undefined) return headOf(channel);
  // The log has had an entry, also if it has dropped or lost it since.
  const before = log.next;
  const isThere = () => log.cursorAfter(position) !== undefined || log.first > before;
  if (!(await hasMoved(channel, isThere, deadline))) return undefined;
  const number = log.cursorAfter(position);
  return number === undefined ? headOf(channel) : { number, position };
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
    const timer = setTimeout(() => settle(fact()), Math.max(0, deadline - performance.now())).unref();
    channel.watch(watcher);
  });
}
