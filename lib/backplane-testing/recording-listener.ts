import type { SseBackplaneEntry, SseBackplaneListener, SseBackplaneSubscription } from '../backplane/backplane.js';
import type { SseGapReason } from '../protocol/gap-reason.js';

/**
 * A listener that writes down what it is told, and lets a case wait for it.
 *
 * @internal
 */
export class RecordingListener implements SseBackplaneListener {
  readonly entries: SseBackplaneEntry[] = [];
  readonly gaps: SseGapReason[] = [];
  readonly heard: string[] = [];
  readies = 0;
  head: string | undefined;
  isEnded = false;
  subscription: SseBackplaneSubscription | undefined;
  onEntry: (entry: SseBackplaneEntry) => void = () => undefined;
  private readonly waiting = new Set<() => void>();

  /** @param patienceMs how long it waits for a fact */
  constructor(private readonly patienceMs: number) {}

  get isReady(): boolean {
    return this.readies > 0;
  }

  ready(head: string | undefined, isEnded: boolean): void {
    this.readies++;
    this.head = head;
    this.isEnded = isEnded;
    this.look();
  }

  entry(entry: SseBackplaneEntry): void {
    if (!this.isReady) throw new Error('entry() came before ready()');
    this.entries.push(entry);
    this.onEntry(entry);
    this.look();
  }

  gap(reason: SseGapReason): void {
    if (!this.isReady) throw new Error('gap() came before ready()');
    this.gaps.push(reason);
    this.look();
  }

  note(message: string): void {
    this.heard.push(message);
    this.look();
  }

  untilData(data: string): Promise<void> {
    return this.until(`an entry with the data ${JSON.stringify(data)}`, () =>
      this.entries.some(({ event }) => event.data === data),
    );
  }

  untilCount(count: number): Promise<void> {
    return this.until(`${count} entries`, () => this.entries.length >= count);
  }

  /** Resolves once `fact()` holds. Rejects when that takes too long. */
  until(what: string, fact: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!fact()) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(new Error(`The backplane did not tell: ${what}. Entries so far: ${this.entries.length}.`));
      }, this.patienceMs);
      this.waiting.add(look);
      look();
    });
  }

  private look(): void {
    for (const look of this.waiting) look();
  }
}
