import { closeReason, type SseCloseReason } from '../connection/close-reason.js';
import type { Connection } from '../connection/connection.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import { GUARDED, type Admission, type AdmissionStage, type RefusalAnswer } from './admission.js';

/**
 * Nobody may open a stream any more once the server closes.
 *
 * @internal
 */
export class DrainingAdmission implements Admission {
  /** @param others who decides as long as the server is open; nobody, if there are no limits */
  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly others?: Admission,
  ) {}

  get asksFirst(): boolean {
    return this.others?.asksFirst ?? false;
  }

  ask(connection: Connection, stage: AdmissionStage): SseCloseReason | undefined {
    const { isDraining } = this.registry.draining;
    // Who has called its handler before may still answer: the shutdown ends those that take too long.
    if (isDraining && stage === GUARDED) return closeReason('server_closing');
    return isDraining ? undefined : this.others?.ask(connection, stage);
  }

  answerTo(reason: SseCloseReason): RefusalAnswer {
    const { draining } = this.registry;
    if (draining.isDraining || !this.others) return { text: draining.comeBack() };
    return this.others.answerTo(reason);
  }
}
