import { encodeEvent, encodeEventWithId, type SseSerialize } from '../protocol/encoder.js';
import { SseError } from '../protocol/sse-error.js';
import { toEventInit, type SseEventLike } from '../protocol/sse-event-like.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import { WireText } from '../protocol/wire-text.js';
import type { Channel, LateReader } from '../channel/channel.js';
import type { ChannelCursor } from './channel-cursor.js';

/** How to make the state that a client starts from. */
export interface SnapshotPlan {
  readonly load: () => SseEventLike | Promise<SseEventLike>;
  /** Subscriptions to the same channels with the same key share it; `undefined`: it is not shared. */
  readonly key: string | undefined;
  /** How long it is given to others after it was made, in milliseconds. */
  readonly shareForMs: number;
}

/**
 * One state, and the place where its readers go on: the heads of the channels at the moment when its making began. Events
 * since then follow it, and are kept for its readers.
 *
 * @internal
 */
export class SnapshotLoad {
  readonly state: Promise<SseEventInit>;
  private readonly begun: ReadonlyMap<Channel, LateReader>;
  private encoded: { readonly id: string; readonly serialize: SseSerialize; readonly text: WireText } | undefined;

  constructor(channels: readonly Channel[], load: SnapshotPlan['load'], maxKeptBytes: number) {
    this.begun = new Map(channels.map((channel) => [channel, { next: channel.log.next, maxKeptBytes }]));
    for (const [channel, reader] of this.begun) channel.keepFor(reader);
    this.state = makeState(load);
  }

  covers(channel: Channel): boolean {
    return this.begun.has(channel);
  }

  /** The number in the channel's log at which readers of this state go on. */
  nextIn(channel: Channel): number {
    return this.begun.get(channel)?.next ?? channel.log.next;
  }

  /** Whether the logs still have all events since its making began, for another reader. */
  get isWhole(): boolean {
    for (const [channel, { next }] of this.begun) if (next < channel.log.first) return false;
    return true;
  }

  /** The state as an event with that id. It is encoded once for all readers at the same place. */
  encode(state: SseEventInit, id: string, serialize: SseSerialize): WireText {
    if (this.encoded?.id !== id || this.encoded.serialize !== serialize) {
      const text = id === '' ? encodeEvent(state, { serialize }) : encodeEventWithId(state, id, serialize);
      this.encoded = { id, serialize, text: new WireText(text) };
    }
    return this.encoded.text;
  }

  /** No other reader will get it. */
  release(): void {
    for (const [channel, reader] of this.begun) channel.letGo(reader);
  }
}

/**
 * The states that are being made, or were made just now, for readers that may share them.
 *
 * @internal
 */
export class SnapshotLoads {
  private readonly shared = new Map<string, SnapshotLoad>();
  private readonly timers = new Set<NodeJS.Timeout>();

  /**
   * A state that fits a reader with these cursors, if there is one.
   *
   * @param kept the cursors that stay where they are
   */
  find(plan: SnapshotPlan, cursors: readonly ChannelCursor[], kept = cursors): SnapshotLoad | undefined {
    if (plan.key === undefined) return undefined;
    const load = this.shared.get(keyOf(plan, cursors));
    if (!load?.isWhole) return undefined;
    // A state that is older than what its client has seen would undo that.
    const canHave = ({ channel, next, isFresh }: ChannelCursor) => isFresh || next <= load.nextIn(channel);
    // A channel may have been forgotten and made again. That is another channel.
    return cursors.every(({ channel }) => load.covers(channel)) && kept.every(canHave) ? load : undefined;
  }

  begin(plan: SnapshotPlan, cursors: readonly ChannelCursor[], maxKeptBytes: number): SnapshotLoad {
    const load = new SnapshotLoad(
      cursors.map(({ channel }) => channel),
      plan.load,
      maxKeptBytes,
    );
    if (plan.key === undefined) {
      load.state.then(
        () => load.release(),
        () => load.release(),
      );
      return load;
    }
    const key = keyOf(plan, cursors);
    this.shared.set(key, load);
    const forget = () => {
      load.release();
      if (this.shared.get(key) === load) this.shared.delete(key);
    };
    load.state.then(() => this.later(plan.shareForMs, forget), forget);
    return load;
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.shared.clear();
  }

  private later(ms: number, work: () => void): void {
    if (ms === 0) return work();
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, ms).unref();
    this.timers.add(timer);
  }
}

async function makeState(load: SnapshotPlan['load']): Promise<SseEventInit> {
  const state = toEventInit(await load());
  if (state.id === undefined) return state;
  throw new SseError(
    'SSE_INVALID_ID',
    "A snapshot's event has an id of its own. The channel gives ids: put yours into data.",
    { value: state.id },
  );
}

function keyOf({ key, load }: SnapshotPlan, cursors: readonly ChannelCursor[]): string {
  // The text of the function, so that two handlers that subscribe to the same channels never get each other's state.
  return JSON.stringify([key, load.toString(), cursors.map(({ channel }) => channel.name)]);
}
