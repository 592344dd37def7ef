import type { SseGapReason } from '../protocol/gap-reason.js';
import { encodeEvent } from '../protocol/encoder.js';
import { gapEventOf } from '../protocol/client-events.js';
import type { Connection } from '../connection/connection.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import type { WireText } from '../protocol/wire-text.js';
import type { LogSlice } from '../log/log-slices.js';
import { SubscriptionEncoder } from './subscription-encoder.js';
import type { ChannelCursor } from '../replay/channel-cursor.js';
import type { ReplayPace } from '../replay/replay-pace.js';
import type { SnapshotLoad } from '../replay/snapshot-loads.js';
import type { StorePage } from '../replay/store-pages.js';
import type { SubscriptionPlan } from './subscription-options.js';

/** How many events a filter sees between two looks at the clock. */
const FILTERED_AT_ONCE = 32;

/**
 * Writes the events of one subscription, except those that its live group writes. Each write moves the cursor of its channel.
 *
 * @internal
 */
export class SubscriptionOutput {
  /** How many events it has read for this subscription alone, from the log and from the store. */
  eventsRead = 0;
  /** The slice that its socket holds, so that other readers at the same place can share it. */
  held: LogSlice | undefined;
  private encoder: SubscriptionEncoder;

  constructor(
    private readonly connection: Connection,
    private readonly pace: ReplayPace,
    private readonly plan: Pick<SubscriptionPlan, 'filter' | 'map' | 'gapEvent'>,
    private cursors: readonly ChannelCursor[],
  ) {
    this.encoder = this.encoderFor(cursors);
  }

  /** From now on ids are made of the positions of these cursors. */
  use(cursors: readonly ChannelCursor[]): void {
    this.cursors = cursors;
    this.encoder = this.encoderFor(cursors);
  }

  /** Sends the next events of the log, as many as may be written at once. */
  sendSlice(cursor: ChannelCursor): void {
    const { log, slices } = cursor.channel;
    const { pace } = this;
    const from = cursor.next;
    if (this.isShared) {
      const slice = slices.from(from, pace.sliceBytes, cursor.end);
      cursor.moveTo(from + slice.events);
      return this.write(slice);
    }
    let text = '';
    let left = pace.sliceBytes;
    let number = from;
    for (const { end } = cursor; number < end && left > 0; number++) {
      const frame = log.frameAt(number);
      left -= frame.byteLength;
      text += this.encoder.encode(cursor, frame, log.positionAt(number));
      if (this.hasOwnEvents && (number + 1 - from) % FILTERED_AT_ONCE === 0 && !pace.hasTime) left = 0;
    }
    cursor.moveTo(number);
    this.eventsRead += number - from;
    this.connection.writeOwn(text, number - from);
  }

  /** Catches up with the log by the newest event of each key. Only events that have a newer one are left out. */
  sendLatest(cursor: ChannelCursor): void {
    const { latest, log } = cursor.channel;
    const { sliceBytes } = this.pace;
    let text = '';
    let events = 0;
    for (const { number, position, frame } of latest?.from(cursor.next) ?? []) {
      // From here on the log has them all.
      if (number >= log.first || number >= cursor.end || text.length >= sliceBytes) break;
      text += this.encoder.encode(cursor, frame, position);
      cursor.next = number + 1;
      events++;
    }
    if (events === 0) cursor.next = log.first;
    else {
      this.eventsRead += events;
      this.connection.writeOwn(text, events);
    }
  }

  /** Sends a page of the store, up to where the connection ends. */
  sendPage(cursor: ChannelCursor, page: StorePage): void {
    if (this.isShared && !cursor.limit) {
      cursor.position = page.entries.at(-1)?.position;
      return this.write(page);
    }
    this.connection.commit();
    let text = '';
    let events = 0;
    for (const { position, frame } of page.entries) {
      text += this.encoder.encode(cursor, frame, position);
      events++;
      if (cursor.limit?.position === position) break;
    }
    this.eventsRead += events;
    this.connection.writeOwn(text, events);
  }

  /** Sends the state that was made, with the position that it stands for. */
  sendState(load: SnapshotLoad, state: SseEventInit): void {
    this.writeText(load.encode(state, this.encoder.id, this.connection.options.serialize), 1);
  }

  /**
   * Announces what is missing, with one event for all channels that have the same reason. When a snapshot follows, that has
   * the new position: a client that is lost before it comes back to the gap, and gets a snapshot again.
   *
   * @throws {SseError} when that cannot be said: the stream must not go on as if nothing was missing
   */
  tellGaps(missing: ReadonlyMap<SseGapReason, readonly ChannelCursor[]>, isSnapshotDue: boolean): void {
    const { connection, encoder } = this;
    const { serialize } = connection.options;
    const gapEvent = this.plan.gapEvent ?? connection.options.gapEvent;
    let text = '';
    let events = 0;
    for (const [reason, cursors] of missing) {
      const channels = cursors.map(({ channel }) => channel.name);
      connection.observer.gap(connection, channels, reason);
      const event = gapEventOf(gapEvent, { channels, reason });
      if (!event) continue;
      text += isSnapshotDue ? encodeEvent(event, { serialize }) : encoder.encodeOwn(event);
      events++;
    }
    if (events > 0) connection.writeOwn(text, events);
    // Without a position it would come back with the one before the gap, again and again.
    else if (!isSnapshotDue) this.tellPosition();
  }

  /** Tells the client where it stands, in a frame without data. */
  tellPosition(): void {
    const { encoder, connection } = this;
    if (encoder.id !== '') connection.writeOwn(encoder.encodeOwn({ comment: '' }), 1, false);
  }

  /** Whether this reader writes the same bytes as others. */
  private get isShared(): boolean {
    return this.cursors.length === 1 && !this.hasOwnEvents;
  }

  /** What a filter leaves out, and what is mapped, is this reader's alone. */
  get hasOwnEvents(): boolean {
    return this.plan.filter !== undefined || this.plan.map !== undefined;
  }

  private encoderFor(cursors: readonly ChannelCursor[]): SubscriptionEncoder {
    const { plan, connection } = this;
    return new SubscriptionEncoder(cursors, plan.filter, plan.map, connection.options.serialize);
  }

  private write(slice: LogSlice): void {
    this.held = slice;
    this.eventsRead += slice.events;
    this.writeText(slice.text, slice.events);
  }

  private writeText(text: WireText, events: number): void {
    const { connection } = this;
    connection.commit();
    if (connection.isWritable) connection.writeShared(text, events);
    else connection.writeOwn(text.text, events);
  }
}
