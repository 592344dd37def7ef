import { request, type ClientRequest } from 'node:http';
import type { SseStoredEvent } from '../../lib/index.js';

/** Small, seeded, and good enough to choose who does what: mulberry32. */
export function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

export interface Seen {
  readonly id: string;
  readonly type: string | undefined;
  readonly data: string | undefined;
}

/** Reads blocks as the standard says: one counts when its blank line has come, and not before. */
export class BlockReader {
  readonly seen: Seen[] = [];
  lastId: string | undefined;
  private rest = '';

  feed(text: string): void {
    const blocks = (this.rest + text).split('\n\n');
    this.rest = blocks.pop() ?? '';
    for (const block of blocks) this.block(block);
  }

  /** The connection was cut: what is incomplete never happened. */
  cut(): void {
    this.rest = '';
  }

  private block(block: string): void {
    let [id, type, data]: (string | undefined)[] = [];
    for (const line of block.split('\n')) {
      if (line.startsWith('id: ')) id = line.slice(4);
      else if (line.startsWith('event: ')) type = line.slice(7);
      else if (line.startsWith('data: ')) data = data === undefined ? line.slice(6) : `${data}\n${line.slice(6)}`;
    }
    if (id !== undefined) this.lastId = id;
    if (data !== undefined) this.seen.push({ id: id ?? '', type, data });
  }
}

/** A client that comes back with the last id that it has, as often as it is cut. */
export class Follower extends BlockReader {
  private current: ClientRequest | undefined;

  constructor(
    public url: string,
    id?: string,
  ) {
    super();
    this.lastId = id;
  }

  /** Resolves when the headers are there. */
  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const headers = this.lastId === undefined ? {} : { 'last-event-id': this.lastId };
      const current = (this.current = request(this.url, { agent: false, headers }, (response) => {
        response.setEncoding('utf8');
        response.on('data', (text: string) => current === this.current && this.feed(text));
        response.on('error', () => undefined);
        resolve();
      }));
      current.on('error', reject);
      current.end();
    });
  }

  leave(): void {
    const { current } = this;
    this.current = undefined;
    current?.destroy();
    this.cut();
  }
}

export interface Verdict {
  readonly delivered: number;
  readonly repeated: number;
  readonly missing: number;
  readonly wrong: number;
  readonly gaps: number;
}

/**
 * The ledger of what was published to one channel, as nchan's own tests keep it: count, order, content, id and type of
 * what a client got are held against it.
 */
export class Oracle {
  readonly published: SseStoredEvent[] = [];
  private readonly ranks = new Map<string, number>();
  private readonly ranksById = new Map<string, number>();

  note(event: SseStoredEvent): void {
    const rank = this.published.push(event) - 1;
    this.ranks.set(event.data ?? '', rank);
    this.ranksById.set(event.id, rank);
  }

  get last(): SseStoredEvent | undefined {
    return this.published.at(-1);
  }

  /**
   * A gap says by its id where it ends. It must leave something out: one that is told twice, or for nothing, is wrong; and
   * so is what is missing behind it.
   *
   * @param from the rank of the first event that the client has to get; `undefined`: whichever comes first
   * @param hasOwnIds whether ids are vectors, which differ from the positions
   */
  judge(seen: readonly Seen[], from?: number, hasOwnIds = false): Verdict {
    let [delivered, repeated, missing, wrong, gaps] = [0, 0, 0, 0, 0];
    let next = from;
    for (const { id, type, data } of seen) {
      if (type === 'gap') {
        gaps++;
        const last = hasOwnIds ? undefined : this.ranksById.get(id);
        if (!hasOwnIds && (last === undefined || (next !== undefined && last < next))) wrong++;
        next = last === undefined ? undefined : last + 1;
        continue;
      }
      delivered++;
      const rank = this.ranks.get(data ?? '');
      const event = rank === undefined ? undefined : this.published[rank];
      if (rank === undefined || !event || event.type !== type || (!hasOwnIds && event.id !== id)) wrong++;
      else if (next !== undefined && rank < next) repeated++;
      else {
        if (next !== undefined) missing += rank - next;
        next = rank + 1;
      }
    }
    if (next !== undefined) missing += this.published.length - next;
    return { delivered, repeated, missing, wrong, gaps };
  }
}

export function sum(verdicts: readonly Verdict[]): Verdict {
  const total = { delivered: 0, repeated: 0, missing: 0, wrong: 0, gaps: 0 };
  for (const one of verdicts) for (const key of Object.keys(total) as (keyof Verdict)[]) total[key] += one[key];
  return total;
}
