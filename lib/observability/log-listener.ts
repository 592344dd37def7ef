import { Logger } from '@nestjs/common';
import type { Observer } from '../connection/observer.js';

/**
 * Writes what went wrong to Nest's log.
 *
 * @internal
 */
export class LogListener implements Partial<Observer> {
  private readonly logger = new Logger('SseModule');

  failed(error: unknown): void {
    this.logger.error(error);
  }
}
