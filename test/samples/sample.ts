import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { freePort } from '../support/redis-server.js';
import { Program } from '../support/program.js';

/** What stands in a line of a README, and what a test puts in its place. */
export type Change = readonly [from: string, to: string];

/** A sample in a process of its own, as `npm run sample NAME` starts it, on a free port. */
export class Sample {
  private program!: Program;
  port = 0;

  constructor(
    readonly name: string,
    private readonly env: () => Record<string, string>,
  ) {}

  get url(): string {
    return `http://localhost:${this.port}`;
  }

  /** What it has printed so far. */
  get output(): string {
    return this.program.stdout + this.program.stderr;
  }

  /** Resolves with its exit code. */
  get exited(): Promise<number | null> {
    return this.program.exited;
  }

  async start(): Promise<void> {
    // Another process may take the port in the meantime. Then the sample exits, and another port is asked for.
    for (let attempt = 0; ; attempt++) {
      this.port = await freePorts();
      this.program = new Program('/usr/bin/env', [
        `PORT=${this.port}`,
        'NO_COLOR=1',
        ...Object.entries(this.env()).map(([name, value]) => `${name}=${value}`),
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        '--import',
        './test/support/ts-loader.mjs',
        'sample/run.js',
        this.name,
      ]);
      let isOver = false;
      void this.program.exited.then(() => (isOver = true));
      while (!isOver && !(await isListening(this.port)));
      if (!isOver) return;
      if (attempt === 2) throw new Error(`${this.name} has ended: ${this.output}`);
    }
  }

  /** Waits until it has printed this. */
  async says(text: string | RegExp): Promise<void> {
    await this.program.until(() => (typeof text === 'string' ? this.output.includes(text) : text.test(this.output)));
  }

  /** Ends it as Ctrl-C does. */
  async stop(): Promise<void> {
    await this.program.stop('SIGINT');
  }

  /** Runs a line for curl of the README, with this sample's ports. */
  curl(at: number, ...changes: Change[]): Program {
    const lines = readFileSync(`sample/${this.name}/README.md`, 'utf8').match(/^ {4}curl .+$/gm) ?? [];
    const line = lines[at];
    if (line === undefined) throw new Error(`the README of ${this.name} has ${lines.length} lines for curl`);
    const command = changes
      .reduce((text, [from, to]) => text.replaceAll(from, to), line.trim())
      .replace(/localhost:3(\d{3})/, (_, offset: string) => `localhost:${this.port + Number(offset)}`)
      .replace('curl ', 'exec curl --silent --max-time 150 ');
    return new Program('/bin/sh', ['-c', command]);
  }

  /** What such a line has printed when it is over. */
  async ask(at: number, ...changes: Change[]): Promise<string> {
    const program = this.curl(at, ...changes);
    await program.exited;
    return program.stdout;
  }
}

/** Starts a sample before all specs of a `describe`. After them it must end by Ctrl-C, without an error. */
export function useSample(name: string, env: () => Record<string, string> = () => ({})): Sample {
  const sample = new Sample(name, env);
  beforeAll(() => sample.start());
  afterAll(async () => {
    await sample.stop();
    expect(sample.output).not.toMatch(/Error|UnhandledPromise/);
  });
  return sample;
}

/** Waits until a program has printed `text`, and leaves as Ctrl-C does. What it has printed is returned. */
export async function leaveAfter(program: Program, text: string | RegExp): Promise<string> {
  await program.until(({ stdout }) => (typeof text === 'string' ? stdout.includes(text) : text.test(stdout)));
  await program.stop('SIGINT');
  return program.stdout;
}

/** The values behind `data: ` in a stream, one for each line. */
export function datasOf(stream: string): string[] {
  return Array.from(stream.matchAll(/^data: (.*)$/gm), ([, data]) => data!);
}

/** The first of four ports in a row on which nobody listens: a sample of several servers takes the next ones, too. */
async function freePorts(): Promise<number> {
  for (;;) {
    const port = await freePort();
    const others = await Promise.all([1, 2, 3].map((offset) => isListening(port + offset)));
    if (!others.includes(true)) return port;
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return false;
  } finally {
    socket.destroy();
  }
}
