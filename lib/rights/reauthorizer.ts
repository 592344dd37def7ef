import { closeReason } from '../connection/close-reason.js';
import type { Connection } from '../connection/connection.js';
import { LookTimer } from '../connection/look-timer.js';
import { SseError } from '../protocol/sse-error.js';
import type { Reauthorize } from './rights-options.js';

/** The connections of one key. */
interface Group {
  readonly key: string | undefined;
  readonly connections: Set<Connection>;
  /** When it is asked for again, on the monotonic clock. */
  nextAt: number;
  /** When it was asked for, as long as there is no answer. */
  askedAt: number | undefined;
  hasFailed: boolean;
}

/** How many times a key is looked at within `everyMs`. */
const LOOKS_PER_CHECK = 8;

/**
 * Asks again whether clients may still read, once for all connections of a key, and ends those that may not.
 *
 * @internal
 */
export class Reauthorizer {
  /** By key, or by connection for those without. */
  private readonly groups = new Map<string | Connection, Group>();
  private readonly timer = new LookTimer(() => this.look());

  /** @param report told of checks that fail, and of keys that cannot be told */
  constructor(
    private readonly options: Reauthorize,
    private readonly report: (error: unknown) => void,
  ) {}

  /** How many keys are asked for. */
  get size(): number {
    return this.groups.size;
  }

  /** Looks after a connection until it is closed. @throws what `key` throws */
  add(connection: Connection): void {
    const { key: keyOf, everyMs } = this.options;
    const key = keyOf?.(connection.request);
    if (key === null) return;
    if (key !== undefined && typeof key !== 'string') {
      throw new SseError(
        'SSE_INVALID_OPTION',
        'reauthorize.key() must return a string, or null for a client that is never checked.',
        {
          value: key,
        },
      );
    }
    const name = key ?? connection;
    let group = this.groups.get(name);
    if (!group) {
      // Not all at the same moment when all clients of a server that restarts come back.
      const nextAt = performance.now() + everyMs * (0.5 + Math.random() / 2);
      group = { key, connections: new Set(), nextAt, askedAt: undefined, hasFailed: false };
      this.groups.set(name, group);
      this.timer.atLeastEvery(everyMs / LOOKS_PER_CHECK);
    }
    group.connections.add(connection);
    void connection.closed.then(() => this.remove(name, group, connection));
  }

  private remove(name: string | Connection, group: Group, connection: Connection): void {
    group.connections.delete(connection);
    if (group.connections.size > 0 || this.groups.get(name) !== group) return;
    this.groups.delete(name);
    if (this.groups.size === 0) this.timer.stop();
  }

  private look(): void {
    const now = performance.now();
    const { everyMs } = this.options;
    for (const group of this.groups.values()) {
      if (group.askedAt !== undefined) {
        if (now - group.askedAt >= everyMs)
          this.failed(group, group.askedAt, new Error(`reauthorize.check() took longer than ${everyMs} ms`));
      } else if (now >= group.nextAt) {
        void this.ask(group, now);
      }
    }
  }

  private async ask(group: Group, now: number): Promise<void> {
    const [oldest] = group.connections;
    if (!oldest) return;
    group.askedAt = now;
    try {
      const mayRead = await this.options.check(oldest.request, group.key);
      // It took too long, and the group was asked for again.
      if (group.askedAt !== now) return;
      if (mayRead === true) this.passed(group, now);
      else this.end(group);
    } catch (error) {
      if (isRefusal(error)) this.end(group);
      else this.failed(group, now, error);
    }
  }

  private passed(group: Group, askedAt: number): void {
    group.askedAt = undefined;
    group.hasFailed = false;
    group.nextAt = askedAt + this.options.everyMs;
  }

  /** Nobody knows whether they may read. */
  private failed(group: Group, askedAt: number, error: unknown): void {
    if (group.askedAt !== askedAt) return;
    this.report(error);
    if (group.hasFailed) return this.end(group);
    group.hasFailed = true;
    group.askedAt = undefined;
    group.nextAt = performance.now();
  }

  private end(group: Group): void {
    group.askedAt = undefined;
    group.nextAt = performance.now() + this.options.everyMs;
    for (const connection of [...group.connections]) {
      try {
        connection.end(closeReason('unauthorized', 'reauthorize.check() said no'));
      } catch (error) {
        this.report(error);
      }
    }
  }
}

/** What a guard throws, and so what a check may throw that uses the same code. By its method: an application has a Nest of its own. */
function isRefusal(error: unknown): boolean {
  const status: unknown = (error as { getStatus?: () => unknown } | null | undefined)?.getStatus?.();
  return status === 401 || status === 403;
}
