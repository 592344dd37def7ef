import type {
  SseBackplaneEntry,
  SseBackplaneListener,
  SseBackplanePage,
  SseBackplaneSubscription,
} from '../../lib/backplane/backplane.js';
import { MemoryBackplane } from '../../lib/backplane/memory-backplane.js';

/** Where someone waits until a test lets him go on. */
export class Gate {
  /** How many have come to it so far. */
  arrived = 0;
  private isOpen = false;
  private waiting: (() => void)[] = [];

  pass(): Promise<void> {
    this.arrived++;
    return this.isOpen ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Lets everybody through who waits, and everybody who comes. */
  open(): void {
    this.isOpen = true;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

/** A backplane that can be read back, as a broker's can, and is as slow as a test wants. */
export class GatedBackplane extends MemoryBackplane {
  override readonly retains = true as never;
  readonly ready = new Gate();
  readonly reading = new Gate();
  /** Listeners that were not closed. */
  open = 0;
  private readonly stored = new Map<string, SseBackplaneEntry[]>();

  override publish(...[channel, event, settings]: Parameters<MemoryBackplane['publish']>): string | Promise<string> {
    if (!this.stored.has(channel)) {
      const entries: SseBackplaneEntry[] = [];
      this.stored.set(channel, entries);
      const ignore = () => undefined;
      const entry = (next: SseBackplaneEntry) => {
        // What was before the beginning of a life is gone.
        if (next.event.kind === 'start' || entries.at(-1)?.event.kind === 'end') entries.length = 0;
        entries.push(next);
      };
      super.subscribe(channel, { ready: ignore, gap: ignore, entry });
    }
    return super.publish(channel, event, settings);
  }

  override subscribe(channel: string, listener: SseBackplaneListener): SseBackplaneSubscription {
    let subscription: SseBackplaneSubscription | undefined;
    let isClosed = false;
    this.open++;
    void this.ready.pass().then(() => {
      if (!isClosed) subscription = super.subscribe(channel, listener);
    });
    return {
      close: () => {
        if (isClosed) return;
        isClosed = true;
        this.open--;
        subscription?.close();
      },
    };
  }

  override async read(
    channel: string,
    after: string | undefined,
    limit: number,
    maxBytes = Infinity,
  ): Promise<SseBackplanePage> {
    await this.reading.pass();
    const entries = this.stored.get(channel) ?? [];
    const from = after === undefined ? 0 : entries.findIndex(({ position }) => position === after) + 1;
    const page: SseBackplaneEntry[] = [];
    let left = maxBytes;
    for (const entry of entries.slice(from, from + limit)) {
      left -= entry.event.data?.length ?? 0;
      if (left < 0 && page.length > 0) break;
      page.push(entry);
    }
    return { entries: page };
  }
}
