import type { Connection } from '../connection/connection.js';
import type { SseRequest } from '../connection/sse-connection.js';
import type { AdmissionStage } from './admission.js';
import type { Limit } from './limit.js';

/** `perKey`: the connections of one user, address or tenant. @internal */
export class KeyLimit implements Limit {
  readonly name = 'perKey.max';
  private readonly open = new Map<string, Set<Connection>>();
  /** Those that have a place: they are not asked for their key again. */
  private readonly placed = new WeakSet<Connection>();

  /** @param evict ends the oldest connection of a key, to make room for another one */
  constructor(
    private readonly keyOf: (request: SseRequest) => string | null | undefined,
    private readonly max: number,
    private readonly evict: ((connection: Connection) => void) | undefined,
  ) {}

  /** How many keys have connections. */
  get size(): number {
    return this.open.size;
  }

  isOver(connection: Connection, _: AdmissionStage): boolean {
    if (this.placed.has(connection)) return false;
    // Not known yet, as a user before the guards have run; or nobody to be limited.
    const key = this.keyOf(connection.request);
    if (key === null || key === undefined) return false;
    const others = this.open.get(key);
    if (others && others.size >= this.max) {
      const [oldest] = others;
      if (!this.evict || !oldest) return true;
      // At once: the one that is ended may take its time to leave.
      others.delete(oldest);
      this.evict(oldest);
    }
    this.place(key, connection);
    return false;
  }

  private place(key: string, connection: Connection): void {
    const others = this.open.get(key) ?? new Set();
    this.open.set(key, others.add(connection));
    this.placed.add(connection);
    void connection.closed.then(() => {
      others.delete(connection);
      if (others.size === 0 && this.open.get(key) === others) this.open.delete(key);
    });
  }
}
