import type { Connection } from '../connection/connection.js';
import { endWithFailure, type StreamEnd } from '../connection/stream-end.js';
import type { StoppableReader } from '../replay/store-reader.js';
import { isThenable } from '../source/thenable.js';
import type { SubscriptionPlan } from './subscription-options.js';

/** A subscription of which the application is told. */
interface Told extends StoppableReader {
  readonly connection: Connection;
}

/** Calls `onSubscribe`. When it rejects, the stream ends with that failure. @throws what it throws */
export function tellSubscribed(feed: Told, { onSubscribe }: SubscriptionPlan, end: StreamEnd): void {
  follow(feed, onSubscribe?.(feed.connection), end);
}

/** Calls `onUnsubscribe`. Its failure is only reported, because the connection is ending already. */
export function tellUnsubscribed(feed: Told, { onUnsubscribe }: SubscriptionPlan, end: StreamEnd): void {
  try {
    follow(feed, onUnsubscribe?.(feed.connection), end);
  } catch (error) {
    end.report(error);
  }
}

/** A hook may be async. */
function follow(feed: Told, returned: unknown, end: StreamEnd): void {
  if (!isThenable(returned)) return;
  Promise.resolve(returned).catch((error: unknown) => {
    if (feed.isStopped) end.report(error);
    else endWithFailure(feed.connection, error, end);
  });
}
