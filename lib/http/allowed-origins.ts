import { ForbiddenException } from '@nestjs/common';
import { headerOf } from './node-messages.js';
import type { PlatformReply } from './platform-reply.js';

/**
 * Lets pages of these origins, and of the server's own, read a stream with credentials, and no others.
 *
 * A request without `Origin` is not from another site's page: browsers name it on every request that a page makes across origins.
 *
 * @throws {ForbiddenException} for a page of any other origin
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 * @internal
 */
export function allowOrigin(reply: PlatformReply, allowed: readonly string[]): void {
  reply.addVary('Origin');
  const origin = headerOf(reply.req, 'origin');
  if (origin === undefined || isOwn(reply, origin)) return;
  if (!allowed.includes(origin)) throw new ForbiddenException('Origin not allowed');
  reply.setHeader('Access-Control-Allow-Origin', origin);
  reply.setHeader('Access-Control-Allow-Credentials', 'true');
}

/** Browsers name the origin of a page also when it is the server's own, for all methods but GET. */
function isOwn({ req }: PlatformReply, origin: string): boolean {
  // A page cannot set this header. Behind a proxy it is right where `Host` is not.
  if (headerOf(req, 'sec-fetch-site') === 'same-origin') return true;
  const host = headerOf(req, ':authority') ?? headerOf(req, 'host');
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}
