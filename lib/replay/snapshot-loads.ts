import { encodeEvent, encodeEventWithId, type SseSerialize } from '../protocol/encoder.js';
import { SseError } from '../protocol/sse-error.js';
import { toEventInit, type SseEventLike } from '../protocol/sse-event-like.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import { WireText } from '../protocol/wire-text.js';
import type { Channel, LateReader } from '../channel/channel.js';
import type { ChannelCursor } from './channel-cursor.js';

/** How the state is made that a client starts from. */
export interface SnapshotPlan {
  readonly load: () => SseEventLike | Promise<SseEventLike>;
  /** Who may have the same one, beside subscribing to the same channels; `undefined`: nobody. */
  readonly key: string | undefined;
  /** How long after it was made it is given to others, in milliseconds. */
  readonly shareForMs: number;
}

/**
 * One state, and where its readers go on: at the heads of the channels when its making began. What came since follows it,
 * and is kept for those who will have it.
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

  /** Where in the channel whoever has this state goes on. */
  nextIn(channel: Channel): number {
    return this.begun.get(channel)?.next ?? channel.log.next;
  }

  /** Whether all that came since its making began is there for another reader. */
  get isWhole(): boolean {
    for (const [channel, { next }] of this.begun) if (next < channel.log.first) return false;
    return true;
  }

  /** The state as an event with that id: encoded once for all who are at the same place. */
  encode(state: SseEventInit, id: string, serialize: SseSerialize): WireText {
    if (this.encoded?.id !== id || this.encoded.serialize !== serialize) {
      const text = id === '' ? encodeEvent(state, { serialize }) : encodeEventWithId(state, id, serialize);
      this.encoded = { id, serialize, text: new WireText(text) };
    }
    return this.encoded.text;
  }

  /** Nobody else will have it. */
  release(): void {
    for (const [channel, reader] of this.begun) channel.letGo(reader);
  }
}

/**
 * The states that are being made, or were made just now, for those who may have the same one.
 *
 * @internal
 */
export class SnapshotLoads {
  private readonly shared = new Map<string, SnapshotLoad>();
  private readonly timers = new Set<NodeJS.Timeout>();

  /**
   * One that a reader with these cursors can have, if there is any.
   *
   * @param kept those of them that stay where they are
   */
  find(plan: SnapshotPlan, cursors: readonly ChannelCursor[], kept = cursors): SnapshotLoad | undefined {
    if (plan.key === undefined) return undefined;
    const load = this.shared.get(keyOf(plan, cursors));
    if (!load?.isWhole) return undefined;
    // A state older than what its client has seen already would take that back.
    const canHave = ({ channel, next, isFresh }: ChannelCursor) => isFresh || next <= load.nextIn(channel);
    // A channel that was forgotten and made anew meanwhile is another one.
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
