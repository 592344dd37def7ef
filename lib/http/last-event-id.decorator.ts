import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { readLastEventId } from '../protocol/last-event-id.js';
import { rawRequestOf } from './node-messages.js';

/**
 * Injects the id that the client received last: the header `Last-Event-ID`, or else the query parameter `lastEventId` or
 * `last_event_id`, for clients that cannot set headers. It is decoded as UTF-8. `undefined` when there is none.
 *
 * It comes from the client: check it.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header (9.2.4)
 * @publicApi
 */
export const LastEventId = createParamDecorator((_: unknown, context: ExecutionContext): string | undefined => {
  const request = context.switchToHttp().getRequest<{ query?: unknown }>();
  return readLastEventId(rawRequestOf(request).headers, request.query);
});
