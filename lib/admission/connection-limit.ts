import type { Connection } from '../connection/connection.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import { ARRIVED, type AdmissionStage } from './admission.js';
import type { Limit } from './limit.js';

/** `maxConnections`: all that this node has, from their arrival on. @internal */
export class ConnectionLimit implements Limit {
  readonly name = 'maxConnections';

  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly max: number,
  ) {}

  /** The one that asks is counted already. */
  isOver(_: Connection, stage: AdmissionStage): boolean {
    return stage === ARRIVED && this.registry.all.size > this.max;
  }
}
