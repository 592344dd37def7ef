/**
 * When a client's right to read ends.
 *
 * Two clocks are asked, and whichever says so first ends it: a wall clock that jumps ahead has passed the time, and one that is
 * set back must not prolong it.
 *
 * @internal
 */
export class Deadline {
  private readonly monotonic: number;

  /** @param at milliseconds since the epoch */
  constructor(private readonly at: number) {
    this.monotonic = performance.now() + at - Date.now();
  }

  get isOver(): boolean {
    return performance.now() >= this.monotonic || Date.now() >= this.at;
  }
}
