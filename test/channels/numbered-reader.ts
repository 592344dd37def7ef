import { request, type IncomingMessage } from 'node:http';

/** So much of a block is looked at: its fields, and the beginning of its data. */
const HEAD_LENGTH = 200;

/** Reads large events that begin with a number and a time, as fast as they come, and keeps only those. */
export class NumberedReader {
  /** The numbers in the order in which they came, and the gaps. */
  readonly seen: (number | 'gap')[] = [];
  /** How long each took from its publish, in milliseconds, as far as `isTiming`. */
  latencies: number[] = [];
  isTiming = false;
  /** It ended, and not in the way that a body ends. */
  isCutOff = false;
  private head = '';
  private endsInNewline = false;

  private constructor(private readonly response: IncomingMessage) {
    response.on('error', () => (this.isCutOff = true));
  }

  /** Resolves when the headers are there. Reads nothing until `read()`. */
  static open(url: string): Promise<NumberedReader> {
    return new Promise((resolve, reject) => {
      const headers = { connection: 'keep-alive' };
      const current = request(url, { agent: false, headers }, (response) => resolve(new NumberedReader(response)));
      current.on('error', reject).end();
    });
  }

  read(): void {
    this.response.on('data', (chunk: Buffer) => this.feed(chunk));
  }

  leave(): void {
    this.response.destroy();
  }

  has(one: number | 'gap'): boolean {
    return this.seen.lastIndexOf(one) >= 0;
  }

  private feed(chunk: Buffer): void {
    let at = 0;
    if (this.endsInNewline && chunk[0] === 10) {
      this.block();
      at = 1;
    }
    for (;;) {
      const end = chunk.indexOf('\n\n', at);
      const room = at + HEAD_LENGTH - this.head.length;
      this.head += chunk.toString('latin1', at, Math.min(room, end < 0 ? chunk.length : end));
      if (end < 0) break;
      this.block();
      at = end + 2;
    }
    this.endsInNewline = at < chunk.length && chunk.at(-1) === 10;
  }

  private block(): void {
    const { head } = this;
    this.head = '';
    if (/^event: gap$/m.test(head)) {
      this.seen.push('gap');
      return;
    }
    const [, number, time] = /^data: (\d+) (\d+) /m.exec(head) ?? [];
    if (number === undefined || time === undefined) return;
    this.seen.push(Number(number));
    // The same clock in all processes of a machine.
    if (this.isTiming) this.latencies.push(Number(process.hrtime.bigint() - BigInt(time)) / 1e6);
  }
}
