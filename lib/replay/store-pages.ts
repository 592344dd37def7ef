import type { SseBackplane, SseBackplaneEntry, SseBackplanePage } from '../backplane/backplane.js';
import type { SseGapReason } from '../protocol/gap-reason.js';
import type { Frame } from '../protocol/frame.js';
import { ENTRY_BYTES } from '../protocol/history-limits.js';
import { WireText } from '../protocol/wire-text.js';
import type { LogSlice } from '../log/log-slices.js';
import type { StoreReader, StoppableReader } from './store-reader.js';
import type { ReplayPace } from './replay-pace.js';
import { storedFrame } from '../channel/stored-event.js';

/** How many entries are read from the backplane at a time. */
const PAGE_ENTRIES = 250;

/** How many pages are read at once. It keeps the store busy, and leaves time for those who publish. */
const READS_AT_ONCE = 4;

/** Pages are kept for readers that will soon ask for the same: bytes of all of them, and milliseconds. */
const KEPT_BYTES = 8_388_608;
const KEPT_MS = 2_000;

/** What follows a position in the store. */
export interface StorePage extends LogSlice {
  /** The position before the page; `undefined` for the oldest page. */
  readonly after: string | undefined;
  readonly entries: readonly { readonly position: string; readonly frame: Frame }[];
  /** The position before the first entry, as far as the store knows it. */
  readonly before: string | undefined;
  readonly gap: SseGapReason | undefined;
  /** Whether entries of the same life before the first one are gone. Only known of the oldest page. */
  readonly isTrimmed: boolean;
}

interface Reading {
  readonly page: Promise<StorePage | undefined>;
  /** The readers that wait for it. When the last one leaves, reading stops. */
  readonly streams: Set<StoppableReader>;
  readonly asking: { isStopped: boolean };
}

/**
 * Pages of the store, for all readers of this node that catch up. Readers at the same place share one read and its bytes. Few
 * pages are read at once.
 *
 * @internal
 */
export class StorePages {
  private readonly kept = new Map<string, { readonly page: StorePage; readonly until: number }>();
  private keptBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly readings = new Map<string, Reading>();
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly backplane: SseBackplane,
    private readonly reader: StoreReader,
    private readonly pace: ReplayPace,
  ) {}

  /** The page behind `after`, if it was just read for another reader. */
  find(channel: string, after: string | undefined): StorePage | undefined {
    const entry = this.kept.get(keyOf(channel, after));
    return entry && entry.until > performance.now() ? entry.page : undefined;
  }

  /**
   * The page behind `after`, however long that takes.
   *
   * @returns `undefined` when the stream was stopped meanwhile
   */
  async read(stream: StoppableReader, channel: string, after: string | undefined): Promise<StorePage | undefined> {
    const key = keyOf(channel, after);
    let reading = this.readings.get(key);
    if (!reading || reading.asking.isStopped) {
      const asking = { isStopped: false };
      const page = this.ask(asking, channel, after, key).finally(() => {
        if (this.readings.get(key)?.asking === asking) this.readings.delete(key);
      });
      this.readings.set(key, (reading = { page, streams: new Set(), asking }));
    }
    const { page, streams, asking } = reading;
    streams.add(stream);
    try {
      return await page;
    } finally {
      streams.delete(stream);
      if (streams.size === 0) asking.isStopped = true;
    }
  }

  /** The stream was stopped. Nothing must be read for it. */
  leave(stream: StoppableReader): void {
    for (const { streams, asking } of this.readings.values()) {
      if (!streams.delete(stream) || streams.size > 0) continue;
      asking.isStopped = true;
      this.reader.leave(asking);
    }
  }

  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.kept.clear();
    this.keptBytes = 0;
  }

  private async ask(
    asking: StoppableReader,
    channel: string,
    after: string | undefined,
    key: string,
  ): Promise<StorePage | undefined> {
    if (this.running >= READS_AT_ONCE) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      const found = await this.reader.read(asking, channel, after, PAGE_ENTRIES, this.pace.sliceBytes);
      if (!found) return undefined;
      const page = pageOf(after, found);
      // When a new life begins, another page is the oldest. A reader that comes then must not get the life before.
      if (page.events > 0 && after !== undefined) this.keep(key, page);
      return page;
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }

  private keep(key: string, page: StorePage): void {
    this.drop(key);
    this.kept.set(key, { page, until: performance.now() + KEPT_MS });
    this.keptBytes += costOf(page);
    for (const oldest of this.kept.keys()) {
      if (this.keptBytes <= KEPT_BYTES) break;
      this.drop(oldest);
    }
    this.timer ??= setTimeout(() => this.sweep(), KEPT_MS).unref();
  }

  /** Forgets pages that no reader asked for lately. */
  private sweep(): void {
    const now = performance.now();
    for (const [key, { until }] of this.kept) if (until <= now) this.drop(key);
    this.timer = this.kept.size === 0 ? undefined : setTimeout(() => this.sweep(), KEPT_MS).unref();
  }

  private drop(key: string): void {
    const entry = this.kept.get(key);
    if (!entry) return;
    this.kept.delete(key);
    this.keptBytes -= costOf(entry.page);
  }
}

/** The text of the page, that of its frames, and what these cost beside it. */
function costOf({ text, events }: StorePage): number {
  return text.byteLength * 2 + events * ENTRY_BYTES;
}

function keyOf(channel: string, after: string | undefined): string {
  // No name has a control character in it.
  return `${channel}\n${after ?? ''}`;
}

function pageOf(after: string | undefined, { entries: found, gap, isTrimmed = false }: SseBackplanePage): StorePage {
  const entries: { position: string; frame: Frame }[] = [];
  for (const { position, event } of found) {
    const frame = frameOf(event, position);
    if (!frame) break;
    entries.push({ position, frame });
  }
  const isBroken = entries.length === 0 && found.length > 0;
  return {
    after,
    entries,
    before: found[0]?.previous,
    gap: isBroken ? 'store_lost' : gap,
    isTrimmed,
    text: WireText.join(entries.map(({ frame }) => frame)),
    events: entries.length,
  };
}

/** Anyone with access to the store may have written it: what no event can be made of is as good as lost. */
function frameOf(event: SseBackplaneEntry['event'], position: string): Frame | undefined {
  try {
    return storedFrame(event, position);
  } catch {
    return undefined;
  }
}
