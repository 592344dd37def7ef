import { randomBytes } from 'node:crypto';

/** What a script needs: twice 36 bits, as hexadecimal digits. */
const DIGITS = 18;
/** Asked for at once: a call of its own for each publish costs more than the rest of it. */
const POOL_BYTES = 4_608;

/**
 * Random hexadecimal digits for the scripts, which have no randomness of their own.
 *
 * @internal
 */
export class RandomDigits {
  private pool = '';
  private at = 0;

  next(): string {
    if (this.at === this.pool.length) {
      this.pool = randomBytes(POOL_BYTES).toString('hex');
      this.at = 0;
    }
    return this.pool.slice(this.at, (this.at += DIGITS));
  }
}
