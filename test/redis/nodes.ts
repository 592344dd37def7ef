import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A node in a process of its own: a Nest application with the Redis backplane. */
export interface AppNode {
  readonly process: ChildProcess;
  readonly url: string;
  /** Ends when the process has gone. */
  readonly exited: Promise<unknown>;
  ask<Result>(command: string, argument?: unknown): Promise<Result>;
  output(): string;
}

/** The url of a server, or the options of a cluster client. */
export type NodeTarget = string | { readonly rootNodes: readonly { url: string }[]; readonly nodeAddressMap: object };

interface NodeMessage {
  readonly url?: string;
  readonly acknowledged?: string;
  readonly id?: string;
  readonly answer?: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** @param onAcknowledged told of every event that the node has published */
export async function startNode(
  redis: NodeTarget,
  onAcknowledged: (data: string, id: string) => void,
  port = 0,
): Promise<AppNode> {
  const root = process.cwd();
  const child = fork(join(root, 'test/redis/node-app.ts'), {
    env: {
      ...process.env,
      NODE_PORT: `${port}`,
      ...(typeof redis === 'string' ? { NODE_REDIS_URL: redis } : { NODE_REDIS_CLUSTER: JSON.stringify(redis) }),
    },
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', join(root, 'test/support/ts-loader.mjs')],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  child.stdout?.on('data', (text) => (output += String(text)));
  child.stderr?.on('data', (text) => (output += String(text)));
  const exited = once(child, 'exit');
  const waiting = new Map<number, (message: NodeMessage) => void>();
  let last = 0;
  const url = await new Promise<string>((resolve, reject) => {
    void exited.then(() => reject(new Error(`the node is gone: ${output}`)));
    child.on('message', (message: NodeMessage) => {
      if (message.url !== undefined) resolve(message.url);
      if (message.acknowledged !== undefined) onAcknowledged(message.acknowledged, message.id ?? '');
      if (message.answer !== undefined) waiting.get(message.answer)?.(message);
    });
  });
  return {
    process: child,
    url,
    exited,
    output: () => output,
    ask: (command, argument) =>
      new Promise((resolve, reject) => {
        const ask = ++last;
        waiting.set(ask, ({ result, error }) => {
          waiting.delete(ask);
          if (error === undefined) resolve(result as never);
          else reject(new Error(error));
        });
        void exited.then(() => reject(new Error(`the node is gone: ${output}`)));
        child.send({ ask, command, argument });
      }),
  };
}
