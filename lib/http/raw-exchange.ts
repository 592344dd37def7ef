import type { IncomingMessage, ServerResponse } from 'node:http';
import { Http2ServerResponse, type Http2ServerRequest } from 'node:http2';
import type { ConnectionHub } from '../connection/connection-hub.js';
import type { Connection } from '../connection/connection.js';

export type RawRequest = IncomingMessage | Http2ServerRequest;

/** Node's response, with the connection that was opened on it. */
export type RawResponse = (ServerResponse | Http2ServerResponse) & { [CONNECTION]?: Connection };

/** A property instead of a map at module level: it goes with the response, and two apps never meet in it. */
const CONNECTION = Symbol.for('nestjs-event-stream.connection');

/** The connection of a response, as Express and Fastify hand it to handlers. */
export function connectionOf(response: unknown): Connection | undefined {
  return rawResponseOf(response)[CONNECTION];
}

export function rawResponseOf(response: unknown): RawResponse {
  const { raw } = response as { raw?: RawResponse };
  return raw ?? (response as RawResponse);
}

export function rawRequestOf(request: unknown): RawRequest {
  const { raw } = request as { raw?: RawRequest };
  return raw ?? (request as RawRequest);
}

/** Whether the peer is gone already, before anything was written. */
export function isGone(req: RawRequest, res: RawResponse): boolean {
  return res.destroyed || res.writableEnded || (req.socket as { destroyed?: boolean } | undefined)?.destroyed === true;
}

/**
 * Tells `connection` when its response closes, by whatever way.
 *
 * Never the request's 'close': it comes when the request's body has been read. A pipelined response that waits for its
 * turn gets no 'close' of its own when the socket goes, so the socket is watched for it.
 */
export function watchClose(hub: ConnectionHub, req: RawRequest, res: RawResponse, connection: Connection): void {
  res[CONNECTION] = connection;
  // One function for all responses: a closure for each would be held as long as its connection is.
  res.once('close', onClose);
  if (res instanceof Http2ServerResponse) {
    if (res.stream.session) hub.keepSession(res.stream.session);
    return;
  }
  if (res.socket) return;
  const { socket } = req;
  const gone = () => connection.transportClosed(false);
  socket.once('close', gone);
  void connection.closed.then(() => socket.removeListener('close', gone));
}

function onClose(this: RawResponse): void {
  this[CONNECTION]?.transportClosed(isFinished(this));
}

function isFinished(res: RawResponse): boolean {
  return res instanceof Http2ServerResponse
    ? res.stream.writableFinished && res.stream.rstCode === 0
    : res.writableFinished;
}
