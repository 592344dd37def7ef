import type { Frame } from '../protocol/frame.js';
import { ENTRY_BYTES, type SseHistoryOptions } from '../protocol/history-limits.js';

/** An entry as the index keeps it; the frame is the log's own. */
export interface LatestEntry {
  readonly number: number;
  readonly position: string;
  readonly frame: Frame;
  readonly key: string | number | undefined;
}

/**
 * The newest entry of each key, also when the log has dropped it. Under the policy `latest`, a client that fell behind the
 * log still gets these. A channel has one index, however many clients are slow.
 *
 * Entries without a key are all kept for as long as the log has them.
 *
 * @internal
 */
export class LatestIndex {
  /** The newest entry that was given up. A reader whose cursor is not beyond it has missed something. */
  lost = -1;

  /** Oldest first: an entry that replaces another goes to the end. Keyless entries are their own key. */
  private readonly entries = new Map<unknown, LatestEntry>();
  private readonly keyless = new Map<number, LatestEntry>();
  private byteLength = 0;

  /** The newest entries of all keys together may be as large as the log. */
  constructor(private readonly limits: Pick<SseHistoryOptions, 'maxEvents' | 'maxBytes'>) {}

  add(entry: LatestEntry): void {
    if (entry.key === undefined) this.keyless.set(entry.number, entry);
    else this.remove(entry.key);
    this.entries.set(entry.key ?? entry, entry);
    this.byteLength += entry.frame.byteLength + ENTRY_BYTES;
    while (this.entries.size > this.limits.maxEvents || this.byteLength > this.limits.maxBytes) this.giveUp();
  }

  /** The log drops an entry. */
  dropped(number: number): void {
    const entry = this.keyless.get(number);
    if (!entry) return;
    this.keyless.delete(number);
    this.remove(entry);
    this.lost = Math.max(this.lost, number);
  }

  clear(): void {
    this.entries.clear();
    this.keyless.clear();
    this.byteLength = 0;
    this.lost = -1;
  }

  /** What a reader with this cursor does not have yet, oldest first. */
  *from(cursor: number): Generator<LatestEntry, void> {
    for (const entry of this.entries.values()) if (entry.number >= cursor) yield entry;
  }

  private giveUp(): void {
    const oldest = this.entries.entries().next().value;
    if (!oldest) return;
    const [key, entry] = oldest;
    this.remove(key);
    this.keyless.delete(entry.number);
    this.lost = Math.max(this.lost, entry.number);
  }

  private remove(key: unknown): void {
    const entry = this.entries.get(key);
    if (!entry) return;
    this.entries.delete(key);
    this.byteLength -= entry.frame.byteLength + ENTRY_BYTES;
  }
}
