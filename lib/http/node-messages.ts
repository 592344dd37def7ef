import type { IncomingMessage, ServerResponse } from 'node:http';
import { Http2ServerResponse, type Http2ServerRequest } from 'node:http2';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { Connection } from '../connection/connection.js';

export type RawRequest = IncomingMessage | Http2ServerRequest;

export type RawResponse = ServerResponse | Http2ServerResponse;

export function rawRequestOf(request: unknown): RawRequest {
  const { raw } = request as { raw?: RawRequest };
  return raw ?? (request as RawRequest);
}

/**
 * A request header, by its name in lower case. Not by `req.headers`, which Node makes of all headers when first asked,
 * and keeps: 700 bytes for as long as a client stays.
 */
export function headerOf(req: RawRequest, name: string): string | undefined {
  const { rawHeaders } = req;
  let value: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const key = rawHeaders[i] as string;
    if (key.length !== name.length || key.toLowerCase() !== name) continue;
    const own = rawHeaders[i + 1] as string;
    // As Node joins them.
    value = value === undefined ? own : `${value}, ${own}`;
  }
  return value;
}

/** Whether the peer is gone already, before anything was written. */
export function isGone(req: RawRequest, res: RawResponse): boolean {
  return res.destroyed || res.writableEnded || (req.socket as { destroyed?: boolean } | undefined)?.destroyed === true;
}

/**
 * Tells `connection` when its response closes, by whatever way. Never the request's 'close': it comes when the request's
 * body has been read.
 */
export function watchClose(registry: ConnectionRegistry, res: RawResponse, connection: Connection): void {
  // Not by `once()`, which makes two more objects to keep: it comes once anyway.
  res.on('close', () => connection.transportClosed(isFinished(res)));
  if (res instanceof Http2ServerResponse && res.stream.session) registry.sessions.keep(res.stream.session);
}

function isFinished(res: RawResponse): boolean {
  return res instanceof Http2ServerResponse
    ? res.stream.writableFinished && res.stream.rstCode === 0
    : res.writableFinished;
}
