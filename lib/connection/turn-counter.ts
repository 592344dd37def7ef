import { setImmediate } from '../protocol/event-loop.js';

/**
 * Numbers the turns of the event loop. Turns in which nobody asks are not counted.
 *
 * @internal
 */
export class TurnCounter {
  private turns = 0;
  private isKnown = false;

  /** Another number in each turn. */
  get current(): number {
    if (!this.isKnown) {
      this.isKnown = true;
      setImmediate(() => {
        this.isKnown = false;
        this.turns++;
      });
    }
    return this.turns;
  }
}
