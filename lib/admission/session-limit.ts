import type { Connection } from '../connection/connection.js';
import { ARRIVED, type AdmissionStage } from './admission.js';
import type { Limit } from './limit.js';

/** As much of a request as says which HTTP/2 session it came by: Fastify's has Node's in `raw`. */
interface SessionRequest {
  readonly raw?: SessionRequest;
  readonly stream?: { readonly session?: object | undefined };
}

/** `maxStreamsPerSession`: the event streams of one HTTP/2 session, which a browser has one of. @internal */
export class SessionLimit implements Limit {
  readonly name = 'maxStreamsPerSession';
  private readonly open = new WeakMap<object, number>();

  constructor(private readonly max: number) {}

  isOver(connection: Connection, stage: AdmissionStage): boolean {
    if (stage !== ARRIVED) return false;
    const request = connection.request as SessionRequest;
    const session = (request.raw ?? request).stream?.session;
    if (!session) return false;
    const open = this.openOf(session);
    if (open >= this.max) return true;
    this.open.set(session, open + 1);
    void connection.closed.then(() => this.open.set(session, this.openOf(session) - 1));
    return false;
  }

  private openOf(session: object): number {
    return this.open.get(session) ?? 0;
  }
}
