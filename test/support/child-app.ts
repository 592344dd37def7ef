import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { readdirSync } from 'node:fs';
import type { EventEmitter } from 'node:events';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import { SseConnections } from '../../lib/index.js';
import { obey, type ChildCommands } from './child-commands.js';
import { platforms, start } from './platforms.js';

/** What a process holds: equal before and after, or something leaks. */
export interface Holdings {
  /** Connections in the registry, in any state. */
  readonly connections: number;
  /** What the registry keeps besides. */
  readonly registry: Record<string, number>;
  readonly closed: Record<string, number>;
  readonly timers: number;
  readonly descriptors: number;
  /** On `process` and on the HTTP server, all events together. */
  readonly listeners: number;
  /** Bytes, after a collection: V8's heap and what hangs on it. */
  readonly heap: number;
  /** Uncaught exceptions, unhandled rejections and warnings, as text. */
  readonly faults: readonly string[];
}

export type Commands = ChildCommands<INestApplication>;

const faults: string[] = [];
const fault = (kind: string) => (error: unknown) =>
  faults.push(`${kind}: ${error instanceof Error ? error.stack : String(error)}`);

/** The other side of `startChild()`: serves an application on the platform that the command line names. */
export async function serve(
  metadata: ModuleMetadata,
  commands: Commands = {},
  configure?: (app: INestApplication) => unknown,
): Promise<void> {
  process.on('uncaughtException', fault('uncaughtException'));
  process.on('unhandledRejection', fault('unhandledRejection'));
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') fault('warning')(warning);
  });
  const [, , name, host] = process.argv;
  const platform = platforms.find((one) => one.name === name);
  if (!platform) throw new Error(`no platform ${JSON.stringify(name)}`);
  const { app, url } = await start(platform, metadata, configure, host);
  const all: Commands = {
    holdings: () => holdings(app),
    memory: () => memory(),
    close: () => app.close(),
    ...commands,
  };
  obey(all, app);
  process.send?.({ url });
}

async function holdings(app: INestApplication): Promise<Holdings> {
  const registry = app.get<unknown>(ConnectionRegistry) as {
    all: Set<unknown>;
    sessions: { size: number };
    unflushed: { size: number };
    stalls: { watched: Map<unknown, unknown> };
  };
  const server = app.getHttpServer() as EventEmitter;
  const heap = await memory();
  return {
    connections: registry.all.size,
    registry: {
      sessions: registry.sessions.size,
      unflushed: registry.unflushed.size,
      watched: registry.stalls.watched.size,
    },
    closed: { ...app.get(SseConnections).closed },
    timers: process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'Immediate').length,
    descriptors: readdirSync('/proc/self/fd').length,
    listeners: listenersOf(process) + listenersOf(server),
    heap,
    faults,
  };
}

function listenersOf(emitter: EventEmitter): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

/** Needs `--expose-gc`. Several rounds: what a finalizer frees is collected by the next. */
async function memory(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
