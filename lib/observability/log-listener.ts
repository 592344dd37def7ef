import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { SseCloseReason } from '../connection/close-reason.js';
import type { Observer, RefusalCode } from '../connection/observer.js';
import type { SseConnection } from '../connection/sse-connection.js';
import { SseError } from '../protocol/sse-error.js';
import { LogBurst } from './log-burst.js';

/** These are the application's own answers, or nobody's fault. */
const USUAL: ReadonlySet<RefusalCode> = new Set(['source_completed', 'source_failed', 'client_left']);

/**
 * Writes to Nest's log what whoever is called at night wants to read: what went wrong, and what clients were refused for, or
 * lost. Routes are named by their patterns, and no data of an event or a request is in a line.
 *
 * @internal
 */
export class LogListener implements Partial<Observer>, OnApplicationShutdown {
  private readonly logger = new Logger('SseModule');
  private readonly warn = (line: string): void => this.logger.warn(line);
  private readonly refusals = new LogBurst(
    this.warn,
    (what) => `A request for a stream was refused: ${what}`,
    (total, list) => `${total} more requests for streams were refused: ${list}`,
  );
  private readonly slow = new LogBurst(
    this.warn,
    (what) => `A client does not keep up: ${what}`,
    (total, list) => `${total} more clients do not keep up: ${list}`,
  );
  private readonly failures = new LogBurst(
    this.warn,
    (what) => `The backplane is away. Streams stay open, and wait. ${what}`,
    (total) => `The backplane was away ${total} more times`,
  );
  private awaySince = 0;

  refused(route: string, code: RefusalCode): void {
    if (!USUAL.has(code)) this.refusals.note(`${route} ${code}`);
  }

  closed({ route }: SseConnection, { code }: SseCloseReason): void {
    if (code === 'slow_client' || code === 'write_timeout') this.slow.note(`${route} ${code}`);
  }

  dropped({ route }: SseConnection): void {
    this.slow.note(`${route} dropped`);
  }

  backplaneChanged(isUp: boolean, error?: unknown): void {
    if (isUp) {
      this.logger.log(`The backplane is back, after ${((performance.now() - this.awaySince) / 1_000).toFixed(1)} s`);
      return;
    }
    this.awaySince = performance.now();
    // Messages of others may say where it is, and with what password.
    this.failures.note(error instanceof SseError ? error.message : '');
  }

  draining(connections: number): void {
    this.logger.log(`The application closes: ${connections} streams are ended`);
  }

  failed(error: unknown): void {
    this.logger.error(error);
  }

  onApplicationShutdown(): void {
    for (const burst of [this.refusals, this.slow, this.failures]) burst.flush();
  }
}
