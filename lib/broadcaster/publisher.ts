import { applicationClosed } from '../backplane/application-closed.js';
import { isIdempotent } from '../backplane/abilities.js';
import type { SseBackplane, SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import type { ChannelSet } from '../channel/channel-set.js';
import { toStored } from '../channel/stored-event.js';
import type { Observer } from '../connection/observer.js';
import type { BackplaneState } from '../replay/backplane-state.js';
import { invalidOption } from '../protocol/check-option.js';
import type { SseSerialize } from '../protocol/encoder.js';
import type { ProducedAs } from '../production/production-ends.js';
import { toEventInit } from '../protocol/sse-event-like.js';
import type { SseStoredEvent } from '../protocol/sse-stored-event.js';

/** The store remembers keys for a while, each beside the name of its channel. */
const MAX_KEY_BYTES = 128;

/** What publishing needs of the broadcaster. */
export interface PublisherOptions {
  readonly serialize: SseSerialize;
  readonly observer: Observer;
  /** Told of each publish that does not answer at once. */
  readonly state: BackplaneState;
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
    const result = (id: string, waitedMs = 0): SseStoredEvent => {
      if (first === stored) observer.published(name, waitedMs);
      return key === undefined ? { id, type, data } : this.storedWithKey(name, id, first);
    };
    const onKnown = (known: SseBackplaneEvent | undefined): void => {
      first = known ?? {};
    };
    try {
      const position = this.hand(name, stored, key, key === undefined ? undefined : onKnown);
      if (typeof position === 'string') return Promise.resolve(result(position));
      const askedAt = performance.now();
      return position.then(
        (id) => result(id, this.answered(askedAt)),
        (error: unknown) => {
          this.failed(error);
          observer.publishFailed(name, error);
          throw error;
        },
      );
    } catch (error) {
      observer.publishFailed(name, error);
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Stores what a production says: its beginning, its events, its end. */
  storeProduced(name: string, event: SseBackplaneEvent, { lease, number, key }: ProducedAs): string | Promise<string> {
    const { observer } = this.options;
    if (lease) this.open(name);
    const position = lease
      ? lease.publish(event, number, { history: this.options.historyOf(name) })
      : this.hand(name, event, key);
    const told = (waitedMs: number) => event.kind === 'event' && observer.published(name, waitedMs);
    if (typeof position === 'string') {
      told(0);
    } else {
      const askedAt = performance.now();
      // The caller gets the failure, and may try again.
      void position.then(
        () => told(this.answered(askedAt)),
        (error: unknown) => this.failed(error),
      );
    }
    return position;
  }

  /** Ends a channel. */
  async end(name: string): Promise<void> {
    const askedAt = performance.now();
    try {
      await this.hand(name, { kind: 'end' });
    } catch (error) {
      this.failed(error);
      throw error;
    }
    this.answered(askedAt);
  }

  close(): void {
    this.isClosed = true;
  }

  private hand(
    name: string,
    event: SseBackplaneEvent,
    key?: string,
    onKnown?: SsePublishSettings['onKnown'],
  ): string | Promise<string> {
    this.open(name);
    return this.backplane.publish(name, event, { history: this.options.historyOf(name), key, onKnown });
  }

  /** The store has answered. @returns how long that took, in milliseconds */
  private answered(askedAt: number): number {
    this.options.state.answered();
    return performance.now() - askedAt;
  }

  private failed(error: unknown): void {
    this.options.state.failed(error);
  }

  /** A backplane that only orders has no store but the channel's log. */
  private open(name: string): void {
    if (!this.backplane.retains) this.set.get(name);
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
