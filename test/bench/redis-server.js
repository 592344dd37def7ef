import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TICK_MS } from './other-work.js';

const REQUEST = command('INFO', 'stats', 'cpu', 'commandstats');

/** The version of the `redis-server` that is installed, or `undefined`. */
export function redisVersion() {
  const { error, stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  return error ? undefined : /v=(\S+)/.exec(stdout)?.[1];
}

/** A `redis-server` of its own on a free port, which keeps nothing on disk, and the probe that asks what it has done. */
export class RedisServer {
  #process;
  #probe;
  #folder = mkdtempSync(join(tmpdir(), 'sse-bench-redis-'));
  /** It would outlive this process. */
  #onExit = () => this.kill();

  static async start() {
    const server = new RedisServer();
    process.once('exit', server.#onExit);
    try {
      await server.#run(await freePort());
    } catch (error) {
      server.kill();
      throw error;
    }
    return server;
  }

  /** What a scenario has cost so far, without what the questions cost: those are taken off by `usageSince()`. */
  async usage() {
    this.#probe.write(REQUEST);
    let reply = Buffer.alloc(0);
    // A bulk string: its length in bytes, a line break, the bytes, a line break.
    for (let size = Infinity; reply.length < size;) {
      const [chunk] = await once(this.#probe, 'data');
      reply = Buffer.concat([reply, chunk]);
      const end = reply.indexOf('\r\n');
      if (end !== -1) size = end + 4 + Number(reply.toString('latin1', 1, end));
    }
    const text = reply.toString('latin1');
    const valueOf = (name) => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(text)[1]);
    const commands = [...text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [
      name,
      Number(calls),
    ]);
    return {
      bytesIn: valueOf('total_net_input_bytes'),
      bytesOut: valueOf('total_net_output_bytes'),
      cpu: (valueOf('used_cpu_user') + valueOf('used_cpu_sys')) * 1_000_000,
      commands: new Map(commands.filter(([name]) => name !== 'info')),
      // Sent after the counters were read: they are in the next answer.
      replySize: reply.length,
    };
  }

  /** The difference to now: commands (those inside scripts too) by name and all together, bytes, µs of CPU. */
  async usageSince(before) {
    const now = await this.usage();
    const byName = [...now.commands].map(([name, calls]) => [name, calls - (before.commands.get(name) ?? 0)]);
    return {
      bytesIn: now.bytesIn - before.bytesIn - REQUEST.length,
      bytesOut: now.bytesOut - before.bytesOut - before.replySize,
      cpu: now.cpu - before.cpu,
      commands: byName.reduce((sum, [, calls]) => sum + calls, 0),
      byName: byName.filter(([, calls]) => calls > 0),
    };
  }

  /** As `Child.call('cpu')`, and without asking Redis: µs of CPU so far, in ticks. */
  call() {
    try {
      const stat = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8');
      // The second field, the name, may have spaces; user and system time are the 12th and 13th behind it.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Promise.resolve((Number(fields[11]) + Number(fields[12])) * TICK_MS * 1_000);
    } catch {
      return Promise.resolve(0);
    }
  }

  kill() {
    process.off('exit', this.#onExit);
    this.#probe?.destroy();
    this.#process?.removeAllListeners('exit').kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #run(port) {
    const options = { port, bind: '127.0.0.1', dir: this.#folder, save: '', appendonly: 'no', loglevel: 'warning' };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.#process = spawn('redis-server', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(this.#process, 'exit').then(([code]) => {
      throw new Error(`redis-server exited with ${code}`);
    });
    ended.catch(() => undefined);
    this.url = `redis://127.0.0.1:${port}`;
    for (;;) {
      const socket = connect(port, '127.0.0.1');
      const isOpen = await Promise.race([
        once(socket, 'connect').then(
          () => true,
          () => false,
        ),
        ended,
      ]);
      if (isOpen) {
        this.#probe = socket.setNoDelay().on('error', () => undefined);
        return;
      }
      await sleep(20);
    }
  }
}

function command(...words) {
  return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
