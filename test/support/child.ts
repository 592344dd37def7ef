import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** An application in a process of its own. */
export interface Child {
  readonly process: ChildProcess;
  readonly url: string;
  readonly http2: boolean;
  /** Everything it wrote to stdout and stderr. */
  readonly output: () => string;
  /** Runs one of the commands that it was started with. */
  ask<Result>(command: string, argument?: unknown): Promise<Result>;
  /** Resolves when it is gone. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

interface Answer {
  readonly id?: number;
  readonly url?: string;
  readonly result?: unknown;
  readonly error?: string;
}

const root = process.cwd();

/**
 * Starts `fixture` (a path below the root, a module that calls `serve()`) on a platform. The caller ends it.
 *
 * @param launcher a command to run node by, e.g. `['ip', 'netns', 'exec', name]`
 */
export async function startChild(fixture: string, platform: string, host = '127.0.0.1'): Promise<Child> {
  const child = fork(join(root, fixture), [platform, host], {
    execArgv: [
      '--expose-gc',
      '--disable-warning=ExperimentalWarning',
      '--import',
      join(root, 'test/support/ts-loader.mjs'),
    ],
    // Jest's own copy, with what a spec has set.
    env: process.env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  child.stdout?.on('data', (text: Buffer) => (output += text.toString()));
  child.stderr?.on('data', (text: Buffer) => (output += text.toString()));
  const exited = once(child, 'exit').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let last = 0;
  const url = await new Promise<string>((resolve, reject) => {
    void exited.then(({ code, signal }) => {
      const gone = new Error(`${fixture} is gone (code ${code}, signal ${signal}): ${output}`);
      reject(gone);
      for (const one of waiting.values()) one.reject(gone);
    });
    child.on('message', (message) => {
      const { id, url, result, error } = message as Answer;
      if (url !== undefined) resolve(url);
      const one = id === undefined ? undefined : waiting.get(id);
      if (!one || id === undefined) return;
      waiting.delete(id);
      if (error === undefined) one.resolve(result as never);
      else one.reject(new Error(error));
    });
  });
  return {
    process: child,
    url,
    http2: platform.includes('HTTP/2'),
    output: () => output,
    ask: (command, argument) =>
      new Promise((resolve, reject) => {
        const id = ++last;
        waiting.set(id, { resolve, reject });
        child.send({ id, command, argument });
      }),
    exited,
  };
}
