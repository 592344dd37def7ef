import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** More than any scenario needs: what a hard limit allows is what we get. */
const OPEN_FILES = 65_536;

const TIMEOUT_MS = 180_000;

/** A process of its own, whose functions are called over IPC (`serveCalls()` is the other end). */
export class Child {
  #calls = new Map();
  #last = 0;
  #process;

  /** @param file relative to this one */
  constructor(file, args = [], flags = []) {
    this.file = file;
    const path = fileURLToPath(new URL(file, import.meta.url));
    // Node raises its soft limit to the hard one by itself. Root may raise that too, and everybody else may not.
    const shell = `ulimit -n ${OPEN_FILES} 2>/dev/null; exec "$@"`;
    this.#process = spawn('bash', ['-c', shell, 'bench', process.execPath, ...flags, path, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    this.#process.on('message', ({ id, result, error }) => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(error));
    });
    this.#process.on('exit', (code, signal) => {
      for (const { reject } of this.#calls.values()) reject(new Error(`${file} ended by itself (${signal ?? code})`));
    });
  }

  call(name, ...args) {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      const timer = setTimeout(() => reject(new Error(`${name}() took over ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
      const settle = (settler) => (value) => {
        clearTimeout(timer);
        settler(value);
      };
      this.#calls.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.#process.send({ id, name, args }, (error) => error && this.#calls.get(id)?.reject(error));
    });
  }

  kill() {
    this.#process.removeAllListeners('exit');
    this.#process.kill('SIGKILL');
  }
}
