import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { acceptorOf, type RequestAcceptor } from './request-state.js';

/** Marks the guard: a process may load both builds of this package, and start several applications. */
const IS_ARRIVAL = Symbol.for('nestjs-event-stream.arrival');

/** Decides about requests before guards have run. */
export interface ArrivalAcceptor extends RequestAcceptor {
  /** @returns whether the request may go on: a promise that never settles for one that is refused, and answered */
  arrive(response: object, handler: object): boolean | Promise<boolean>;
}

/**
 * The first guard of a stream's route: who is refused costs no other. It stands in metadata, which all applications of a process
 * share, so it knows of none: it asks the response.
 *
 * @internal
 */
export class ArrivalGuard implements CanActivate {
  readonly [IS_ARRIVAL] = true;

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const response = context.getArgByIndex<object>(1);
    const acceptor = acceptorOf(response) as ArrivalAcceptor | undefined;
    return acceptor?.arrive(response, context.getHandler()) ?? true;
  }
}

export function isArrivalGuard(guard: unknown): boolean {
  return typeof guard === 'object' && guard !== null && IS_ARRIVAL in guard;
}
