import type { SseBackplaneEvent, SsePublishSettings } from '../../lib/backplane/backplane.js';
import type { StoredEntry } from '../../lib/following/channel-store.js';
import type { LastWords } from '../../lib/following/producer-lease.js';
import type { StoredSignal } from '../../lib/following/signal-inbox.js';

type History = SsePublishSettings['history'];

/** A channel as the broker has it. */
export interface FakeStream {
  readonly base: string;
  head: string;
  isEnded: boolean;
  /** Events of this life so far. */
  events: number;
  readonly entries: StoredEntry[];
}

/** Who produces into a channel. Its last words are gone once they were said. */
export interface FakeProducer {
  readonly token: string;
  readonly head: string | undefined;
  readonly node: FakeListener;
  isDead: boolean;
  lastWords: LastWords | undefined;
  /** The newest event that it has stored. */
  newest?: { readonly number: number; readonly position: string; readonly base: string };
}

/** What the broker tells those who listen. */
export interface FakeListener {
  stored(channel: string, entry: StoredEntry): void;
  signalled(id: string, previous: string | undefined, message: string): void;
}

/**
 * A broker in this process: streams, publish keys, producers, signals, and notifications to all who listen. Everything in it
 * is done at once, as by one thread.
 */
export class FakeBroker {
  readonly streams = new Map<string, FakeStream>();
  readonly keys = new Map<string, { readonly position: string; readonly base: string }>();
  readonly producers = new Map<string, FakeProducer>();
  readonly signals: (StoredSignal & { readonly at: number })[] = [];
  readonly listeners = new Set<FakeListener>();
  private clock = 0;

  /** Positions are `<ms>-<random>`, never two of one millisecond. */
  mint(): string {
    this.clock = Math.max(Date.now(), this.clock + 1);
    return `${this.clock}-${Math.random().toString(36).slice(2, 10)}`;
  }

  begin(channel: string): FakeStream {
    const base = this.mint();
    const stream: FakeStream = { base, head: base, isEnded: false, events: 0, entries: [] };
    this.streams.set(channel, stream);
    return stream;
  }

  append(channel: string, event: SseBackplaneEvent, { maxEvents }: History): string {
    const before = this.streams.get(channel);
    const isNew = !before || before.isEnded || event.kind === 'start';
    const stream = isNew ? this.begin(channel) : before;
    const position = this.mint();
    const entry: StoredEntry = {
      position,
      previous: stream.head,
      from: isNew ? before?.head : undefined,
      life: stream.base,
      isFirst: stream.events === 0,
      event,
    };
    stream.head = position;
    stream.isEnded = event.kind === 'end';
    if (event.kind === 'event') stream.events++;
    stream.entries.push(entry);
    stream.entries.splice(0, stream.entries.length - Math.max(maxEvents, stream.isEnded ? 1 : 0));
    for (const listener of this.listeners) listener.stored(channel, entry);
    return position;
  }

  /** Ends a channel in the place of its producer, unless there is nothing to end. */
  sayLastWords(channel: string): void {
    const producer = this.producers.get(channel);
    const stream = this.streams.get(channel);
    if (!producer?.lastWords) return;
    const { events, history } = producer.lastWords;
    producer.lastWords = undefined;
    if (stream && !stream.isEnded && stream.head !== producer.head)
      for (const event of events) this.append(channel, event, history);
  }
}
