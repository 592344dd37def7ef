import { closeReason, type SseCloseReason } from '../connection/close-reason.js';
import type { Connection } from '../connection/connection.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import { encodeInit } from '../protocol/encoder.js';
import type { Admission, AdmissionStage, RefusalAnswer } from './admission.js';
import { ConnectionLimit } from './connection-limit.js';
import { KeyLimit } from './key-limit.js';
import type { Limit } from './limit.js';
import type { LimitOptions } from './limit-options.js';
import { MemoryLimit } from './memory-limit.js';
import { RateLimit } from './rate-limit.js';
import { SessionLimit } from './session-limit.js';

/**
 * The limits of an application, each of which may refuse. The cheap ones are asked first.
 *
 * @internal
 */
export class LimitsAdmission implements Admission {
  readonly asksFirst = true;
  private readonly limits: readonly Limit[];

  constructor(
    registry: ConnectionRegistry,
    private readonly options: LimitOptions,
  ) {
    const { maxConnections, openingsPerSecond, maxStreamsPerSession, maxBufferedBytes, perKey } = options;
    const evict = (connection: Connection) => {
      connection.end(overLimit('perKey.max'), this.answerTo().text);
    };
    this.limits = [
      maxConnections !== undefined && new ConnectionLimit(registry, maxConnections),
      openingsPerSecond !== undefined && new RateLimit(openingsPerSecond),
      maxStreamsPerSession !== undefined && new SessionLimit(maxStreamsPerSession),
      maxBufferedBytes !== undefined && new MemoryLimit(registry, maxBufferedBytes),
      perKey !== undefined && new KeyLimit(perKey.key, perKey.max, perKey.evict ? evict : undefined),
    ].filter((limit) => limit !== false);
  }

  ask(connection: Connection, stage: AdmissionStage): SseCloseReason | undefined {
    for (const limit of this.limits) if (limit.isOver(connection, stage)) return overLimit(limit.name);
    return undefined;
  }

  /** A browser that is told a long time stays away for it; one that is told nothing asks again every 3 s. */
  answerTo(): RefusalAnswer {
    const { retryMs, refuseWith } = this.options;
    const retry = Math.round(retryMs.min + Math.random() * (retryMs.max - retryMs.min));
    const status =
      refuseWith === 'retry' ? undefined : { code: refuseWith, retryAfterSeconds: Math.ceil(retry / 1_000) };
    return { text: encodeInit({ retry }), status };
  }
}

function overLimit(name: string): SseCloseReason {
  return closeReason('over_limit', `limits.${name} is reached`);
}
