import type { SseBackplane } from '../backplane/backplane.js';

/**
 * What the contract needs to know of a backplane to try it.
 *
 * @publicApi
 */
export interface SseBackplaneSubject {
  /** Makes one more node. Each case closes what it opens. */
  open(): SseBackplane | Promise<SseBackplane>;
  /**
   * Lets a node die: from now on nobody hears of it, as if its process were killed. Without it nobody tries what happens to
   * the channels that it produces into; that must then happen within `patienceMs`.
   */
  crash?(node: SseBackplane): void | Promise<void>;
  /** Whether the nodes that `open()` makes share one store. `false`: what needs two nodes is left out. */
  readonly isShared: boolean;
  /** How long a case waits for something that it must be told, in milliseconds. @default 30_000 */
  readonly patienceMs?: number | undefined;
}
