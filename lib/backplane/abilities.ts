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
 * A backplane that knows which node produces into a channel, and ends the channel when that node dies.
 *
 * @publicApi
 */
export interface SseProducingBackplane {
  /**
   * Makes this node the only producer of a channel until it releases it, or dies. If the channel has no `end` then, and
   * something was stored in it since, `lastWords` are stored in the producer's place, once.
   *
   * `release()` never rejects. When the store is away it goes on in the background, until the producer counts as dead anyway.
   *
   * @param onLost called when another node has taken over
   * @returns `undefined` if another node produces
   */
  produce(
    channel: string,
    lastWords: readonly SseBackplaneEvent[],
    settings: Pick<SsePublishSettings, 'history'>,
    onLost: () => void,
  ): Promise<{ release(): Promise<void> } | undefined>;

  /**
   * Whether a node produces into the channel at the moment, and the newest event that is kept of it. A producer that
   * counts as dead does not produce: its `lastWords` have been stored before this answers.
   */
  producing(channel: string): Promise<{ readonly isRunning: boolean; readonly newest?: SseBackplaneEvent | undefined }>;
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
