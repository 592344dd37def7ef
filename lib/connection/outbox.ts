import type { SseEventInit } from '../protocol/sse-event.js';
import type { SseBufferOptions } from './connection-options.js';

interface Waiting {
  readonly text: string;
  readonly bytes: number;
  /** The turn of the event loop in which it came. */
  readonly turn: number;
  readonly key: string | number | undefined;
}

/** What an event that waits costs beside its bytes: 90 bytes of heap for an event of nine, measured with Node 20. */
export const ENTRY_BYTES = 90;

/** Dropped entries stay at the front of the array until they are so many that moving the rest is worth it. */
const COMPACT_AT = 1_024;

/**
 * Events that wait for a client whose socket is full, bounded by what they cost in bytes. It exists only while there is something in it.
 *
 * What comes within one turn of the event loop is taken, and counts from the next turn on: no client can read anything
 * before, however fast it is.
 *
 * @internal
 */
export class Outbox {
  /** Whether it has dropped something, and somebody was told. */
  hasDropped = false;
  private waiting: (Waiting | undefined)[] = [];
  private head = 0;
  private byKey: Map<string | number, number> | undefined;
  private bytes = 0;
  private count = 0;
  /** The last turn in which something came, and what it costs that waits from turns before it. */
  private turn = -1;
  private oldCost = 0;

  constructor(private readonly limits: SseBufferOptions) {}

  get byteLength(): number {
    return this.bytes;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /**
   * Takes an event, and makes room as the overflow policy says.
   *
   * @param turn a number that is another one in each turn of the event loop
   * @returns how many events were lost for it (the event itself included), or `'overflow'` when the policy is to
   * disconnect.
   */
  add(text: string, event: SseEventInit, turn: number): number | 'overflow' {
    const { maxBytes, overflow } = this.limits;
    const bytes = Buffer.byteLength(text);
    this.begin(turn);
    if (typeof overflow === 'object') return this.addLatest(text, bytes, overflow.latest(event), maxBytes);
    if (this.hasRoom(bytes, maxBytes)) {
      this.append({ text, bytes, turn, key: undefined });
      return 0;
    }
    switch (overflow) {
      case 'disconnect':
        return 'overflow';
      case 'dropNewest':
        return 1;
      case 'dropOldest': {
        let lost = 0;
        while (!this.hasRoom(bytes, maxBytes)) {
          this.removeOldest();
          lost++;
        }
        this.append({ text, bytes, turn, key: undefined });
        return lost;
      }
    }
  }

  /** Takes an event that waits whatever the policy: what ends a stream, or what its source accepted to wait for. */
  force(text: string, turn: number): void {
    this.begin(turn);
    this.append({ text, bytes: Buffer.byteLength(text), turn, key: undefined });
  }

  /** Takes out whole events, oldest first, up to `maxBytes` of them, at least one. */
  take(maxBytes: number): { text: string; events: number } {
    let text = '';
    let bytes = 0;
    let events = 0;
    for (let next = this.oldest(); next && (events === 0 || bytes + next.bytes <= maxBytes); next = this.oldest()) {
      text += next.text;
      bytes += next.bytes;
      events++;
      this.removeOldest();
    }
    return { text, events };
  }

  private addLatest(text: string, bytes: number, key: string | number | undefined, maxBytes: number) {
    let lost = 0;
    const index = key === undefined ? undefined : this.byKey?.get(key);
    if (index !== undefined) {
      // The newest event goes to the end. So events stay in the order in which they were sent.
      this.remove(index);
      lost++;
    }
    if (!this.hasRoom(bytes, maxBytes)) return 'overflow';
    if (key !== undefined) (this.byKey ??= new Map()).set(key, this.waiting.length);
    this.append({ text, bytes, turn: this.turn, key });
    return lost;
  }

  private begin(turn: number): void {
    if (turn === this.turn) return;
    this.turn = turn;
    this.oldCost = this.bytes + this.count * ENTRY_BYTES;
  }

  private hasRoom(bytes: number, maxBytes: number): boolean {
    // A single event may be larger than the buffer: refusing it for ever would help nobody.
    return this.oldCost === 0 || this.oldCost + bytes + ENTRY_BYTES <= maxBytes;
  }

  private append(entry: Waiting): void {
    this.waiting.push(entry);
    this.bytes += entry.bytes;
    this.count++;
  }

  private oldest(): Waiting | undefined {
    while (this.head < this.waiting.length) {
      const entry = this.waiting[this.head];
      if (entry) return entry;
      this.head++;
    }
    return undefined;
  }

  private removeOldest(): void {
    if (this.oldest()) this.remove(this.head);
  }

  private remove(index: number): void {
    const entry = this.waiting[index];
    if (!entry) return;
    this.waiting[index] = undefined;
    this.bytes -= entry.bytes;
    if (entry.turn !== this.turn) this.oldCost -= entry.bytes + ENTRY_BYTES;
    this.count--;
    if (entry.key !== undefined) this.byKey?.delete(entry.key);
    const gone = this.waiting.length - this.count;
    if (gone >= COMPACT_AT && gone > this.count) this.compact();
  }

  private compact(): void {
    this.waiting = this.waiting.filter((entry) => entry !== undefined);
    this.head = 0;
    this.waiting.forEach((entry, index) => entry?.key !== undefined && this.byKey?.set(entry.key, index));
  }
}
