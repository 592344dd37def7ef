import { applicationClosed } from '../backplane/application-closed.js';
import { isIdempotent } from '../backplane/abilities.js';
import type { SseBackplane, SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import type { ChannelSet } from '../channel/channel-set.js';
import { toStored } from '../channel/stored-event.js';
import type { Observer } from '../connection/observer.js';
import { invalidOption } from '../protocol/check-option.js';
import type { SseSerialize } from '../protocol/encoder.js';
import { toEventInit } from '../protocol/sse-event-like.js';
import type { SseStoredEvent } from '../protocol/sse-stored-event.js';

/** The store remembers keys for a while, each beside the name of its channel. */
const MAX_KEY_BYTES = 128;

/** What publishing needs of the broadcaster. */
export interface PublisherOptions {
  readonly serialize: SseSerialize;
  readonly observer: Observer;
  /** What is to be kept of the channel at the moment. */
  readonly historyOf: (name: string) => SsePublishSettings['history'];
}

/**
 * Stores events at the ends of channels.
 *
 * @internal
 */
export class Publisher {
  private isClosed = false;

  constructor(
    private readonly backplane: SseBackplane,
    private readonly set: ChannelSet,
    private readonly options: PublisherOptions,
  ) {}

  /**
   * @throws {SseError} at once, for an event or a key that is not valid
   * @throws {SseError} as a rejection, `SSE_BACKPLANE_UNAVAILABLE`, `SSE_TOO_MANY_CHANNELS` or `SSE_CLOSED`
   */
  publish(name: string, event: unknown, key: string | undefined): Promise<SseStoredEvent> {
    const { serialize, observer } = this.options;
    const stored = toStored(toEventInit(event), serialize);
    if (key !== undefined) this.checkKey(key);
    if (this.isClosed) return Promise.reject(applicationClosed());
    const { type, data } = stored;
    let first: Omit<SseStoredEvent, 'id'> = stored;
    const result = (id: string): SseStoredEvent => {
      if (first === stored) observer.published(name);
      return key === undefined ? { id, type, data } : this.storedWithKey(name, id, first);
    };
    const onKnown = (known: SseBackplaneEvent | undefined): void => {
      first = known ?? {};
    };
    try {
      const position = this.store(name, stored, key, key === undefined ? undefined : onKnown);
      return typeof position === 'string' ? Promise.resolve(result(position)) : position.then(result);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Stores what a production says: its beginning, its events, its end. */
  storeProduced(name: string, event: SseBackplaneEvent, key: string | undefined): string | Promise<string> {
    const position = this.store(name, event, key);
    if (event.kind !== 'event') return position;
    const tell = () => this.options.observer.published(name);
    if (typeof position === 'string') tell();
    // Whoever stores it is told of a failure.
    else void position.then(tell, () => undefined);
    return position;
  }

  store(
    name: string,
    event: SseBackplaneEvent,
    key?: string,
    onKnown?: SsePublishSettings['onKnown'],
  ): string | Promise<string> {
    // A backplane that only orders has no store but the channel's log.
    if (!this.backplane.retains) this.set.get(name);
    return this.backplane.publish(name, event, { history: this.options.historyOf(name), key, onKnown });
  }

  close(): void {
    this.isClosed = true;
  }

  /** What was stored with a key: as the log has it, or else as the backplane says. */
  private storedWithKey(name: string, id: string, { type, data }: Omit<SseStoredEvent, 'id'>): SseStoredEvent {
    const log = this.set.find(name)?.log;
    const number = (log?.cursorAfter(id) ?? 0) - 1;
    return log && number >= log.first ? log.frameAt(number).read() : { id, type, data };
  }

  private checkKey(key: unknown): void {
    const isKey =
      typeof key === 'string' && key !== '' && key.isWellFormed() && Buffer.byteLength(key) <= MAX_KEY_BYTES;
    if (!isKey) throw invalidOption('key', key, `a string of 1 to ${MAX_KEY_BYTES} bytes`);
    if (!isIdempotent(this.backplane)) {
      throw invalidOption('key', key, 'none with this backplane, which would store the event again');
    }
  }
}
