import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';

/** A running program whose output can be waited for. */
export class Program {
  /** What it wrote so far. */
  stdout = '';
  stderr = '';
  private readonly child: ChildProcess;
  private readonly changes = new EventEmitter();
  /** Resolves with the exit code when it has exited and all of its output was read. */
  readonly exited: Promise<number | null>;
  private isOver = false;

  constructor(path: string, args: readonly string[]) {
    this.child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.grow(() => (this.stdout += text)));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.grow(() => (this.stderr += text)));
    this.exited = once(this.child, 'close').then(([code]) => {
      this.grow(() => (this.isOver = true));
      return code as number | null;
    });
  }

  /** Waits until its output says so. Rejects when it exits before. */
  async until(condition: (output: this) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.isOver)
        throw new Error(`it exited first: ${JSON.stringify(this.stdout)} ${JSON.stringify(this.stderr)}`);
      await once(this.changes, 'change');
    }
  }

  /** Ends it, if it still runs. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.child.kill(signal);
    await this.exited;
  }

  private grow(change: () => void): void {
    change();
    this.changes.emit('change');
  }
}
