import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface RedisServerOptions {
  /** Keeps what it stores through a restart: an append-only file, written before each answer. */
  readonly aof?: boolean;
  readonly cluster?: boolean;
  /** Port of the server to follow. */
  readonly replicaOf?: number;
  readonly extra?: readonly string[];
}

/** A real `redis-server` on a free port, with a folder of its own. */
export class RedisServer {
  private process: ChildProcess | undefined;
  private busPort: number | undefined;
  private readonly folder = mkdtempSync(join(tmpdir(), 'sse-redis-'));

  private constructor(
    private readonly path: string,
    readonly port: number,
    private readonly options: RedisServerOptions,
  ) {}

  static async start(path: string, options: RedisServerOptions = {}): Promise<RedisServer> {
    // Another process may take the port between asking for it and using it: then the server exits, and another is asked for.
    for (let attempt = 0; ; attempt++) {
      const server = new RedisServer(path, await freePort(), options);
      try {
        await server.run();
        return server;
      } catch (error) {
        await server.stop();
        if (attempt === 4) throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.process?.pid ?? NaN;
  }

  /** Starts the process, on the same port and folder as before, and waits until it answers. */
  async run(): Promise<void> {
    const { port, folder, options } = this;
    const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--loglevel', 'warning'];
    args.push('--appendonly', options.aof ? 'yes' : 'no', '--appendfsync', 'always');
    if (options.cluster) {
      args.push(
        '--cluster-enabled',
        'yes',
        '--cluster-port',
        `${(this.busPort ??= await freePort())}`,
        '--cluster-node-timeout',
        '2000',
      );
    }
    if (options.replicaOf !== undefined) args.push('--replicaof', '127.0.0.1', `${options.replicaOf}`);
    const child = spawn(this.path, [...args, ...(options.extra ?? [])], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.process = child;
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    const exited = new Promise<never>((_, reject) => {
      child.once('exit', (code) => reject(new Error(`redis-server exited with ${code}: ${output}`)));
      child.once('error', reject);
    });
    exited.catch(() => undefined);
    await Promise.race([this.answers(), exited]);
  }

  /** Kills it as a power cut would. */
  async kill(): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  pause(): void {
    this.process?.kill('SIGSTOP');
  }

  resume(): void {
    this.process?.kill('SIGCONT');
  }

  /** Kills it and forgets its data. */
  async stop(): Promise<void> {
    this.resume();
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** One command over a connection of its own, as raw RESP text: enough for a test to look and to do damage. */
  async command(...args: readonly string[]): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.write(`*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`);
      let text = '';
      for await (const chunk of socket) {
        text += String(chunk);
        if (isWholeReply(text)) break;
      }
      return text;
    } finally {
      socket.destroy();
    }
  }

  /** Asks until the answer contains `wanted`. */
  async until(args: readonly string[], wanted: string): Promise<void> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      const answer = await this.command(...args).catch(String);
      if (answer.includes(wanted)) return;
      if (performance.now() > deadline) throw new Error(`${args.join(' ')} never said ${wanted}, but ${answer}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private answers(): Promise<void> {
    return this.until(['PING'], '+PONG');
  }
}

/** Whether a text is at least one complete RESP2 reply. */
function isWholeReply(text: string): boolean {
  return endOfReply(text, 0) !== -1;
}

function endOfReply(text: string, at: number): number {
  const lineEnd = text.indexOf('\r\n', at);
  if (lineEnd === -1) return -1;
  const count = Number(text.slice(at + 1, lineEnd));
  switch (text[at]) {
    case '$': {
      if (count < 0) return lineEnd + 2;
      // In bytes; tests read ASCII, and a longer text only waits for the rest.
      const end = lineEnd + 2 + count + 2;
      return Buffer.byteLength(text.slice(lineEnd + 2)) >= count + 2 ? end : -1;
    }
    case '*': {
      let next = lineEnd + 2;
      for (let i = 0; i < count; i++) {
        next = endOfReply(text, next);
        if (next === -1) return -1;
      }
      return next;
    }
    default:
      return lineEnd + 2;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
