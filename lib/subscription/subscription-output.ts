import type { SseGapReason } from '../protocol/gap-reason.js';
import type { Connection } from '../connection/connection.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import type { WireText } from '../protocol/wire-text.js';
import type { LogSlice } from '../log/log-slices.js';
import { OwnText } from './subscription-encoder.js';
import type { Place } from '../replay/channel-cursor.js';
import type { ReplayPace } from '../replay/replay-pace.js';
import type { SnapshotLoad } from '../replay/snapshot-loads.js';
import type { StorePage } from '../replay/store-pages.js';
import type { SseStoredEvent } from '../channel/stored-event.js';

/** How many events a filter is asked about before the time is looked at. */
const FILTERED_AT_ONCE = 32;

/**
 * What one subscription writes by itself: what a group of live readers writes for it does not come here. Each write
 * moves the place that it is of.
 *
 * @internal
 */
export class SubscriptionOutput {
  /** What its socket holds, so that others at the same place can share it. */
  held: LogSlice | undefined;
  private own: OwnText;

  constructor(
    private readonly connection: Connection,
    private readonly pace: ReplayPace,
    private readonly filter: ((event: SseStoredEvent) => boolean) | undefined,
    private places: readonly Place[],
    private readonly gapType: string,
  ) {
    this.own = new OwnText(places, filter);
  }

  /** From now on the ids are of these places. */
  use(places: readonly Place[]): void {
    this.places = places;
    this.own = new OwnText(places, this.filter);
  }

  /** Sends what follows in the log, as much as may be written at once. */
  sendSlice(place: Place): void {
    const { log, slices } = place.channel;
    const { pace } = this;
    const from = place.cursor;
    if (this.isShared) {
      const slice = slices.from(from, pace.sliceBytes, place.end);
      place.moveTo(from + slice.events);
      return this.write(slice);
    }
    let text = '';
    let left = pace.sliceBytes;
    let cursor = from;
    for (const { end } = place; cursor < end && left > 0; cursor++) {
      const frame = log.frameAt(cursor);
      left -= frame.byteLength;
      text += this.own.of(place, frame, log.positionAt(cursor));
      if (this.filter && (cursor + 1 - from) % FILTERED_AT_ONCE === 0 && !pace.hasTime) left = 0;
    }
    place.moveTo(cursor);
    this.connection.writeOwn(text, cursor - from);
  }

  /** Catches up with the log by the newest event of each key; nothing without a newer one is missing. */
  sendLatest(place: Place): void {
    const { latest, log } = place.channel;
    const { sliceBytes } = this.pace;
    let text = '';
    let events = 0;
    for (const { number, position, frame } of latest?.from(place.cursor) ?? []) {
      // From here on the log has them all.
      if (number >= log.first || number >= place.end || text.length >= sliceBytes) break;
      text += this.own.of(place, frame, position);
      place.cursor = number + 1;
      events++;
    }
    if (events === 0) place.cursor = log.first;
    else this.connection.writeOwn(text, events);
  }

  /** Sends a page of the store, up to where the connection ends. */
  sendPage(place: Place, page: StorePage): void {
    if (this.isShared && !place.limit) {
      place.position = page.entries.at(-1)?.position;
      return this.write(page);
    }
    this.connection.commit();
    let text = '';
    let events = 0;
    for (const { position, frame } of page.entries) {
      text += this.own.of(place, frame, position);
      events++;
      if (place.limit?.position === position) break;
    }
    this.connection.writeOwn(text, events);
  }

  /** Sends the state that was made, with the position that it stands for. */
  sendState(load: SnapshotLoad, state: SseEventInit): void {
    this.writeText(load.encode(state, this.own.id, this.connection.options.serialize), 1);
  }

  /** Announces what is missing, once for all channels that miss for the same reason. */
  tellGaps(missing: ReadonlyMap<SseGapReason, readonly Place[]>): void {
    let text = '';
    for (const [reason, places] of missing) {
      const names = places.map(({ channel }) => channel.name);
      const data = { channel: names.length === 1 ? names[0] : names, reason };
      text += this.own.say({ type: this.gapType, data: JSON.stringify(data) });
    }
    this.connection.writeOwn(text, missing.size);
  }

  /** Tells the client where it stands, in a frame without data. */
  tellPosition(): void {
    const { own, connection } = this;
    if (own.id !== '') connection.writeOwn(own.say({ comment: '' }), 1);
  }

  /** Whether this reader writes the very bytes that others write. */
  private get isShared(): boolean {
    return this.places.length === 1 && !this.filter;
  }

  private write(slice: LogSlice): void {
    this.held = slice;
    this.writeText(slice.text, slice.events);
  }

  private writeText(text: WireText, events: number): void {
    const { connection } = this;
    connection.commit();
    if (connection.isWritable) connection.writeShared(text, events, performance.now());
    else connection.writeOwn(text.text, events);
  }
}
