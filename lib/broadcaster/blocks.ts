import type { Connection } from '../connection/connection.js';

interface Block {
  readonly isMeant: (connection: Connection) => boolean;
  /** On the monotonic clock. */
  readonly until: number;
}

/** Each costs a comparison for every stream that opens meanwhile. */
const MAX_BLOCKS = 10_000;

/**
 * Clients that were disconnected and may not come back for a while.
 *
 * @internal
 */
export class Blocks {
  private blocks: Block[] = [];

  constructor(private readonly max = MAX_BLOCKS) {}

  get size(): number {
    return this.blocks.length;
  }

  /** When there are too many, the one that would end first ends now. */
  add(isMeant: Block['isMeant'], forMs: number): void {
    this.forget();
    this.blocks.push({ isMeant, until: performance.now() + forMs });
    if (this.blocks.length <= this.max) return;
    const first = this.blocks.reduce((one, other) => (other.until < one.until ? other : one));
    this.blocks = this.blocks.filter((block) => block !== first);
  }

  has(connection: Connection): boolean {
    if (this.blocks.length === 0) return false;
    this.forget();
    return this.blocks.some(({ isMeant }) => isMeant(connection));
  }

  private forget(): void {
    const now = performance.now();
    if (this.blocks.some(({ until }) => until <= now)) this.blocks = this.blocks.filter(({ until }) => until > now);
  }
}
