import { ServerResponse } from 'node:http';
import { Http2ServerResponse } from 'node:http2';
import { Socket } from 'node:net';
import type { Encoding } from '../protocol/encoding.js';
import { DirectWriter } from './direct-writer.js';
import { Http2Writer } from './http2-writer.js';
import { PlainWriter } from './plain-writer.js';
import type { Writer } from './writer.js';

/**
 * The cheapest writer that is correct for this response. Called once, when its headers are made.
 *
 * @internal
 */
export function chooseWriter(res: ServerResponse | Http2ServerResponse, encoding: Encoding): Writer {
  if (res instanceof Http2ServerResponse) return new Http2Writer(res, encoding);
  return allowsDirectWrites(res) ? new DirectWriter(res, res.socket, encoding) : new PlainWriter(res, encoding);
}

/** Whether the body may be written beside `res`, chunk by chunk, without anybody noticing. */
function allowsDirectWrites(res: ServerResponse): res is ServerResponse & { socket: Socket } {
  const { req, socket } = res;
  return (
    // HTTP/1.0 has no chunks, and a HEAD response no body.
    req?.httpVersionMajor === 1 &&
    req.httpVersionMinor >= 1 &&
    req.method !== 'HEAD' &&
    // An explicit Content-Length or Transfer-Encoding, or headers that are still to come, mean another framing.
    res.headersSent &&
    res.chunkedEncoding &&
    // A pipelined response waits for its turn without a socket; an injected one (light-my-request) has a pretended one.
    socket !== null &&
    socket instanceof Socket &&
    socket === req.socket &&
    // Node holds back what was written before the socket was this response's.
    res.writableLength === socket.writableLength &&
    // TLS turns each write into records of its own anyway: nothing is shared, so nothing is won.
    !('encrypted' in socket) &&
    // compression(), on-headers and tracing agents patch the instance: their layer must see every byte.
    res.write === ServerResponse.prototype.write &&
    res.end === ServerResponse.prototype.end
  );
}
