import type { SseBackplane, SseBackplaneEvent, SsePublishSettings } from './backplane.js';

/**
 * A backplane that stores only the first of several events with the same `key` in the same channel. Later publishes get the
 * position of the first. It remembers at least the keys of the events that the channel's history keeps.
 *
 * @publicApi
 */
export interface SseIdempotentBackplane {
  readonly isIdempotent: true;
}

/**
 * A backplane that can report its health.
 *
 * @publicApi
 */
export interface SseObservableBackplane {
  /** Answers within bounded time. Never rejects. */
  health(): Promise<{ readonly isUp: boolean; readonly details?: Readonly<Record<string, unknown>> }>;
}

/**
 * A backplane that carries messages between nodes, which no client sees: whom to disconnect, for example.
 *
 * @publicApi
 */
export interface SseSignallingBackplane {
  /** Sends a message to all nodes, also to this one. Each node gets it once. Messages have no order. */
  signal(message: string): Promise<void>;
  /**
   * Called once, before anything is published. A node that was cut off gets the message late. `ageMs` says how old it is, as far
   * as that is known; it may be too low by the time that an answer of the store takes.
   */
  onSignal(listener: (message: string, ageMs?: number) => void): void;
}

/**
 * What a node holds while it is the only producer of a channel. Once another node has taken over, nothing of this one is stored
 * any more.
 *
 * @publicApi
 */
export interface SseProducerLease {
  /** Names this producer. No two ever have the same. */
  readonly id: string;

  /**
   * Stores the next event that is produced. The caller waits for each before the next one.
   *
   * @param number 0 for the first event, then one more for each. An event that is tried again has the number that it had, and is
   *   stored once
   * @returns its position
   * @throws {SseError} as a rejection, `SSE_PRODUCTION_LOST` when the store has lost what was produced before, or something of it.
   *   Nothing is stored then
   */
  publish(event: SseBackplaneEvent, number: number, settings: Pick<SsePublishSettings, 'history'>): Promise<string>;

  /**
   * Stores how it ended, all of it or nothing, unless the channel has ended already, and releases the channel. It may be tried
   * again.
   *
   * @param last the number of the last event. `undefined`: whatever the store has lost of them
   * @throws {SseError} as a rejection, `SSE_PRODUCTION_LOST` as above, and as `publish()` of the backplane does
   */
  end(events: readonly SseBackplaneEvent[], last: number | undefined): Promise<void>;

  /**
   * Lets go of the channel. If it has no `end`, and something was stored in it since, the `lastWords` are stored. Never rejects.
   * When the store is away it goes on in the background, until the producer counts as dead anyway. No effect after `end()`.
   */
  release(): Promise<void>;
}

/**
 * A backplane that knows which node produces into a channel, and ends the channel when that node dies.
 *
 * @publicApi
 */
export interface SseProducingBackplane {
  /**
   * Makes this node the only producer of a channel until it ends or releases it, or dies. In the latter case the `lastWords` are
   * stored in the producer's place, once, as `release()` does.
   *
   * @param onLost called once when it is found that another node has taken over (`taken`), or that the store has lost what was
   *   produced (`gone`); then the lease is held, and `end()` is due
   * @returns `undefined` if another node produces
   */
  produce(
    channel: string,
    lastWords: readonly SseBackplaneEvent[],
    settings: Pick<SsePublishSettings, 'history'>,
    onLost: (why: 'taken' | 'gone') => void,
  ): Promise<SseProducerLease | undefined>;

  /**
   * The id of the producer that the channel has at the moment, on any node, and the newest event that is kept of it. A producer
   * that counts as dead does not produce: its `lastWords` have been stored before this answers.
   */
  producing(channel: string): Promise<{
    readonly producer: string | undefined;
    readonly newest?: SseBackplaneEvent | undefined;
  }>;
}

/**
 * A backplane that knows when its entries were stored.
 *
 * @publicApi
 */
export interface SseTimedBackplane {
  /**
   * The position of the newest entry that is kept and was stored before `time`, in milliseconds since 1970 by the clock
   * of the store; `undefined` when none is. Rejects as `read()` does.
   */
  positionBefore(channel: string, time: number): Promise<string | undefined>;
}

/** @internal */
export function isObservable(backplane: SseBackplane): backplane is SseBackplane & SseObservableBackplane {
  return typeof (backplane as Partial<SseObservableBackplane>).health === 'function';
}

/** @internal */
export function isTimed(backplane: SseBackplane): backplane is SseBackplane & SseTimedBackplane {
  return typeof (backplane as Partial<SseTimedBackplane>).positionBefore === 'function';
}

/** @internal */
export function isProducing(backplane: SseBackplane): backplane is SseBackplane & SseProducingBackplane {
  return typeof (backplane as Partial<SseProducingBackplane>).produce === 'function';
}

/** @internal */
export function isIdempotent(backplane: SseBackplane): boolean {
  return (backplane as Partial<SseIdempotentBackplane>).isIdempotent === true;
}

/** @internal */
export function isSignalling(backplane: SseBackplane): backplane is SseBackplane & SseSignallingBackplane {
  const { signal, onSignal } = backplane as Partial<SseSignallingBackplane>;
  return typeof signal === 'function' && typeof onSignal === 'function';
}
