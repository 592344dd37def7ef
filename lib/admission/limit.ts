import type { Connection } from '../connection/connection.js';
import type { AdmissionStage } from './admission.js';

/**
 * One limit. It is asked once at each stage, and gives places back by itself when `connection.closed` is resolved.
 *
 * @internal
 */
export interface Limit {
  /** @returns whether there is no room for the connection */
  isOver(connection: Connection, stage: AdmissionStage): boolean;
  /** The option that it is, for the reason by which a connection ends. */
  readonly name: string;
}
