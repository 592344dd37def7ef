import type { Connection } from '../connection/connection.js';
import { SseError } from '../protocol/sse-error.js';

/** A method as `@Sse()` has wrapped it. */
export type Handler = (...args: never[]) => unknown;

/** A request that was taken over, as far as its handler and the handler's parameters know it. */
export interface TakenRequest {
  readonly connection: Connection;
  /** Calls the handler by `call`. @returns what Nest gets in place of what the handler returned */
  run(handler: Handler, call: () => unknown): unknown;
}

/** `null`: it is not ours to answer, or it is answered. */
export type MaybeTaken = TakenRequest | null;

/** Takes requests over, for one application. */
export interface RequestAcceptor {
  /**
   * The request of this response, which is taken over if it is not yet.
   *
   * @returns a promise for a request that waits behind another one on its socket
   */
  requestOf(response: object, handler: object): MaybeTaken | Promise<MaybeTaken>;
}

const ACCEPTOR = Symbol.for('nestjs-event-stream.acceptor');

interface Platform {
  [ACCEPTOR]?: RequestAcceptor;
}

/**
 * Says on the platform's own object who takes requests over: a method cannot be injected with it, and finds it by its response.
 * So two applications of a process never meet, and a request pays for one look.
 *
 * @param platform the Express application, or the Fastify server
 */
export function setAcceptor(platform: object, acceptor: RequestAcceptor): void {
  (platform as Platform)[ACCEPTOR] = acceptor;
}

/** @param response as the platform hands it to handlers: Express' has its `app`, Fastify's its `server` */
export function acceptorOf(response: object): RequestAcceptor | undefined {
  const { app } = response as { readonly app?: Platform };
  return (app ?? (response as { readonly server?: Platform }).server)?.[ACCEPTOR];
}

/**
 * As `RequestAcceptor.requestOf()`, of the application that the response belongs to.
 *
 * @throws {SseError} `SSE_NOT_CONFIGURED` when there is none
 */
export function requestOf(response: object, handler: object): MaybeTaken | Promise<MaybeTaken> {
  const acceptor = acceptorOf(response);
  if (acceptor) return acceptor.requestOf(response, handler);
  // Without it the method would be called as any other, and Nest would send its source as JSON, or wait for its end.
  throw new SseError(
    'SSE_NOT_CONFIGURED',
    'A stream was asked for that SseModule does not know of: SseModule.forRoot() is not among the imports of this application.',
  );
}
