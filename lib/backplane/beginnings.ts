import { createHmac, randomBytes } from 'node:crypto';
import { toLetters } from './random-text.js';

/** Names that are remembered: some megabytes. Beyond it nobody's beginning is known any more. */
const MAX_FORGOTTEN = 100_000;

/**
 * What stands for the beginning of a channel in which nothing was ever published. It is computed from the name and a secret,
 * so that such a channel costs nothing when nobody reads it, and who comes back to it has missed nothing.
 *
 * A channel whose events were forgotten begins anew, elsewhere: who has seen nothing of them may have missed them.
 *
 * @internal
 */
export class Beginnings {
  #secret = randomBytes(16);
  /** How often the events of a channel were forgotten. */
  private readonly forgotten = new Map<string, number>();

  constructor(private readonly max = MAX_FORGOTTEN) {}

  /** Letters and digits, always the same for the channel until it is forgotten. */
  of(channel: string, length: number): string {
    const text = `${this.forgotten.get(channel) ?? 0} ${channel}`;
    return toLetters(createHmac('sha256', this.#secret).update(text).digest('base64url')).slice(0, length);
  }

  /** What was published to the channel is gone. */
  forget(channel: string): void {
    if (this.forgotten.size >= this.max && !this.forgotten.has(channel)) {
      this.#secret = randomBytes(16);
      this.forgotten.clear();
    }
    this.forgotten.set(channel, (this.forgotten.get(channel) ?? 0) + 1);
  }
}
