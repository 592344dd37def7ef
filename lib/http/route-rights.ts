import { closeReason } from '../connection/close-reason.js';
import type { Connection } from '../connection/connection.js';
import { SseError } from '../protocol/sse-error.js';
import type { Reauthorizer } from '../rights/reauthorizer.js';
import type { RightsOptions } from '../rights/rights-options.js';
import { allowOrigin } from './allowed-origins.js';
import type { PlatformReply } from './platform-reply.js';

/** A time before 1973: nobody means that, but the seconds of a JWT's `exp` look like it. */
const SECONDS = 1e11;

/**
 * Who may read the streams of a route, and for how long.
 *
 * @internal
 */
export class RouteRights {
  constructor(
    private readonly options: RightsOptions,
    private readonly reauthorizer: Reauthorizer | undefined,
  ) {}

  /**
   * Looks at a request that the guards have let in, and at its connection from then on. Whoever may not read is refused.
   *
   * @throws what the application's functions throw
   */
  begin(connection: Connection, reply: PlatformReply): void {
    const { allowedOrigins } = this.options;
    if (allowedOrigins) allowOrigin(reply, allowedOrigins);
    const expiresAt = this.expiryOf(connection);
    if (expiresAt !== undefined) {
      if (expiresAt <= Date.now()) {
        return connection.end(closeReason('unauthorized'));
      }
      connection.expireAt(expiresAt);
    }
    this.reauthorizer?.add(connection);
  }

  private expiryOf(connection: Connection): number | undefined {
    const value = this.options.expiresAt?.(connection.request);
    if (value == null) return undefined;
    const time = Number(value);
    if (time >= SECONDS) return time;
    throw new SseError(
      'SSE_INVALID_OPTION',
      'expiresAt() must return milliseconds since the epoch, a Date, or null for never. The `exp` of a JWT is in seconds: multiply it by 1,000.',
      { value },
    );
  }
}
