/** What is published to a channel as its event `n`: every process can tell it from the two, and needs no ledger. */
export function derivedEvent(channel: string, n: number): { type: string; data: string } {
  // Of several lengths, some of several lines, and some of characters that are several bytes.
  const filler = (n % 11 === 0 ? 'é' : '.').repeat((n * 7) % 60);
  return { type: `t${n % 7}`, data: `${channel} ${n} ${filler}${n % 10 === 0 ? '\nend' : ''}` };
}

/** How a channel's ids are made: what stands for it in a vector, and what its positions begin with. */
export interface ChannelIds {
  readonly hash: string;
  readonly prefix: string;
  /** Positions that were given out: nobody can make one. */
  readonly positions?: readonly string[];
}

export interface DerivedVerdict {
  delivered: number;
  repeated: number;
  missing: number;
  /** Of another content or type, or with an id that is not its own. */
  wrong: number;
  gaps: number;
}

const memo = new Map<string, string>();

function expected(channel: string, n: number): string {
  const key = `${channel} ${n}`;
  let block = memo.get(key);
  if (block === undefined) {
    const { type, data } = derivedEvent(channel, n);
    memo.set(key, (block = `${type}\n${data}`));
  }
  return block;
}

/** Reads a stream of derived events, and keeps nothing of it but where it stands and the faults. */
export class DerivedReader {
  readonly verdict: DerivedVerdict = { delivered: 0, repeated: 0, missing: 0, wrong: 0, gaps: 0 };
  lastId: string | undefined;
  /** The number of the next event of each channel; `undefined`: whatever comes first. */
  readonly next: (number | undefined)[];
  private rest = '';
  private readonly indexes: ReadonlyMap<string, number>;

  constructor(
    private readonly channels: readonly string[],
    private readonly ids: Readonly<Record<string, ChannelIds>>,
    /** What all readers of this process have seen, by what it would be without its seal. */
    private readonly seen = new Map<string, string>(),
  ) {
    this.next = channels.map(() => undefined);
    this.indexes = new Map(channels.map((name, i) => [name, i]));
  }

  /** Says where it is: the id with which a client comes that has the first so many events of each channel. */
  begin(counts: readonly number[]): void {
    counts.forEach((count, i) => (this.next[i] = count));
    this.lastId = this.idAt(counts)
      .split('.')
      .map((token) => {
        const [position = '', hash] = token.split('~').reverse();
        const sealed = this.seen.get(position) ?? position;
        return hash === undefined ? sealed : `${hash}~${sealed}`;
      })
      .join('.');
  }

  feed(text: string): void {
    const all = this.rest + text;
    let from = 0;
    for (let end = all.indexOf('\n\n'); end >= 0; end = all.indexOf('\n\n', from)) {
      this.block(all.slice(from, end));
      from = end + 2;
    }
    this.rest = all.slice(from);
  }

  /** What is incomplete never happened. */
  cut(): void {
    this.rest = '';
  }

  hasAll(counts: Readonly<Record<string, number>>): boolean {
    return this.channels.every((name, i) => this.next[i] === counts[name]);
  }

  /** Where each of its channels has come to, as far as it knows. */
  *newest(): Generator<readonly [string, number]> {
    for (const [name, i] of this.indexes) yield [name, this.next[i] ?? 0];
  }

  private block(block: string): void {
    let [id, type, data]: (string | undefined)[] = [];
    for (const line of block.split('\n')) {
      if (line.startsWith('data: ')) data = data === undefined ? line.slice(6) : `${data}\n${line.slice(6)}`;
      else if (line.startsWith('id: ')) id = line.slice(4);
      else if (line.startsWith('event: ')) type = line.slice(7);
    }
    if (id !== undefined) this.lastId = id;
    if (type === 'gap') this.verdict.gaps++;
    else if (data !== undefined) this.event(id, type, data);
    else if (id !== undefined) this.told(id);
  }

  private event(id: string | undefined, type: string | undefined, data: string): void {
    const { verdict, next } = this;
    verdict.delivered++;
    const [channel = '', number] = data.split(' ', 2);
    const n = Number(number);
    const i = this.indexes.get(channel);
    if (i === undefined || `${type}\n${data}` !== expected(channel, n)) {
      verdict.wrong++;
      return;
    }
    const due = next[i];
    if (due !== undefined && n < due) verdict.repeated++;
    else {
      if (due !== undefined) verdict.missing += n - due;
      next[i] = n + 1;
    }
    if (withoutSeals(id) !== this.idAt(next)) verdict.wrong++;
    else this.learn(id!);
  }

  /** The position that a client without an id is told before anything else. */
  private told(id: string): void {
    const tokens = id.split('.');
    this.channels.forEach((name, i) => {
      const { hash, prefix } = this.ids[name]!;
      const position = tokens.length === 1 ? tokens[0] : tokens.find((one) => one.startsWith(`${hash}~`))?.slice(9);
      if (position?.startsWith(prefix)) this.next[i] ??= Number(position.slice(prefix.length, -SEAL_LENGTH));
    });
  }

  private learn(id: string): void {
    for (const token of id.split('.')) {
      const position = token.slice(token.indexOf('~') + 1);
      this.seen.set(withoutSeals(position)!, position);
    }
  }

  private idAt(counts: readonly (number | undefined)[]): string {
    const { channels, ids } = this;
    if (channels.length === 1) return `${ids[channels[0]!]!.prefix}${counts[0]}`;
    return channels.map((name, i) => `${ids[name]!.hash}~${ids[name]!.prefix}${counts[i]}`).join('.');
  }
}

/** What a position ends with: random, so that nobody can make one. */
const SEAL_LENGTH = 6;

export function withoutSeals(id: string | undefined): string | undefined {
  return id?.replaceAll(/-(\d+?)[A-Za-z0-9]{6}(?=\.|$)/g, '-$1');
}
