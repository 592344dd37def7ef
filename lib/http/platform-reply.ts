import { ServerResponse } from 'node:http';
import { Http2ServerResponse } from 'node:http2';
import type { RefusalAnswer } from '../admission/admission.js';
import { chooseWriter } from '../connection/choose-writer.js';
import type { Writer } from '../connection/writer.js';
import { varyOnPosition, type SseHeaders } from '../protocol/headers.js';
import type { ResponseHeaders, StreamOptions } from './route-options.js';
import { readLastEventId } from '../protocol/last-event-id.js';
import { runOnSendHooks } from './fastify-on-send.js';
import { headerOf, type RawRequest, type RawResponse } from './node-messages.js';

/** What is needed of a Fastify reply; an Express response is Node's own. */
interface HijackableReply {
  readonly raw: RawResponse;
  readonly request: {
    readonly raw: RawRequest;
    readonly query?: unknown;
    readonly routeOptions?: { readonly url?: string };
  };
  statusCode: number;
  header(name: string, value: string): unknown;
  getHeaders(): Record<string, number | string | string[] | undefined>;
  hijack(): unknown;
}

/** The platform of an application. */
export interface Platform {
  /** Nest's adapter: it answers what is no stream as on any other route. */
  readonly adapter: { reply(response: unknown, body: unknown): unknown };
  /** Where Fastify's requests keep the context of their route; nothing on Express. */
  readonly contextKey: symbol | undefined;
}

/** What is needed of an Express request. */
interface RoutedRequest {
  readonly route?: { readonly path?: string | RegExp };
}

/**
 * One request and its response, taken over from the platform. The only place that knows Express from Fastify.
 *
 * @internal
 */
export class PlatformReply {
  readonly req: RawRequest;
  readonly res: RawResponse;
  private readonly reply: HijackableReply | undefined;

  /**
   * @param response as the platform hands it to handlers
   */
  constructor(
    readonly response: object,
    private readonly platform: Platform,
  ) {
    // Not asked of the response: to find that Express' has no `hijack` takes longer than all else here.
    this.reply = platform.contextKey ? (response as HijackableReply) : undefined;
    this.res = this.reply ? this.reply.raw : (response as RawResponse);
    this.req = this.reply ? this.reply.request.raw : (this.res as ServerResponse).req;
  }

  /** The request as the platform hands it to handlers. */
  get request(): { readonly query?: unknown } {
    return this.reply ? this.reply.request : (this.req as { readonly query?: unknown });
  }

  /** The pattern of the route, as it is registered with the platform. */
  get route(): string {
    const { reply, request } = this;
    return String((reply ? reply.request.routeOptions?.url : (request as RoutedRequest).route?.path) ?? '');
  }

  /** What the client says it received last. */
  get lastEventId(): string | undefined {
    const header = headerOf(this.req, 'last-event-id');
    // On Express `query` parses the URL each time.
    return readLastEventId({ 'last-event-id': header }, this.req.url?.includes('?') ? this.request.query : undefined);
  }

  get isHead(): boolean {
    return this.req.method === 'HEAD';
  }

  /** The status that Nest or the handler has set so far. */
  get status(): number {
    return (this.response as { statusCode: number }).statusCode;
  }

  set status(status: number) {
    (this.response as { statusCode: number }).statusCode = status;
  }

  /** Whether somebody else, such as the handler by itself, has sent the headers. */
  get isSent(): boolean {
    return this.res.headersSent;
  }

  /** Whether somebody else has answered in full. */
  get isEnded(): boolean {
    return this.res.writableEnded;
  }

  /** Sets a header of whatever the answer will be. */
  setHeader(name: string, value: string): void {
    if (this.reply) this.reply.header(name, value);
    else this.res.setHeader(name, value);
  }

  /** Says that the answer, whatever it will be, depends on a header of the request. RFC 9110 §12.5.5 */
  addVary(name: string): void {
    const vary = (this.response as { getHeader(name: string): string | string[] | undefined }).getHeader('vary');
    const names = [vary ?? []].flat().join(', ');
    if (names === '*' || names.toLowerCase().split(/, */).includes(name.toLowerCase())) return;
    this.setHeader('Vary', names === '' ? name : `${names}, ${name}`);
  }

  /**
   * Lets the platform's plugins have their say about the headers, right before they are sent.
   *
   * @returns a promise when that takes longer
   */
  beforeHeaders(): Promise<void> | undefined {
    return this.reply && runOnSendHooks(this.reply, this.platform.contextKey);
  }

  /**
   * Sends the headers of an event stream.
   *
   * @param overrides stand above what the handler and its decorators have set
   */
  open(status: number, options: StreamOptions, overrides: SseHeaders): Writer {
    this.makeHeaders(status, this.headersOf(options), overrides);
    const writer = chooseWriter(this.res, options.encoding);
    writer.begin();
    return writer;
  }

  /** Answers a HEAD request: the headers of the stream, and nothing else. */
  answerHead(status: number, options: StreamOptions, overrides: SseHeaders): void {
    this.makeHeaders(status, this.headersOf(options), overrides);
    this.res.end();
  }

  /** Answers 204 No Content: what tells an `EventSource` not to come back. */
  answerNothing(overrides: SseHeaders): void {
    this.makeHeaders(204, {}, overrides);
    this.res.end();
  }

  /** Answers without a stream: JSON, and whatever else Nest sends for a value. */
  answerWith(value: unknown): void {
    this.platform.adapter.reply(this.response, value);
  }

  /** Answers with a stream that says when to come back, and ends, or with a status. */
  turnAway({ text, status }: RefusalAnswer, options: StreamOptions): void {
    const { res } = this;
    // HTTP/1.1: the socket is not kept for another request, or the server would wait for it.
    if (!(res instanceof Http2ServerResponse)) res.shouldKeepAlive = false;
    if (status) {
      this.makeHeaders(status.code, { 'Retry-After': String(status.retryAfterSeconds) }, NO_HEADERS);
      res.end();
    } else {
      this.makeHeaders(200, this.headersOf(options), NO_HEADERS);
      res.end(text);
    }
  }

  /** Cuts the client off, if it is still there, without an answer. */
  drop(): void {
    const { res } = this;
    // HTTP/2 would take a mere `destroy()` for a stream that ended well.
    if (res instanceof Http2ServerResponse) res.stream.close(/* INTERNAL_ERROR, RFC 9113 §7 */ 0x2);
    else res.destroy();
  }

  private headersOf({ responseHeaders }: StreamOptions): ResponseHeaders {
    return this.res instanceof Http2ServerResponse ? responseHeaders.http2 : responseHeaders.http1;
  }

  /** What is written next, or the end of the response, sends them. */
  private makeHeaders(status: number, defaults: ResponseHeaders, overrides: SseHeaders): void {
    const { res, reply } = this;
    if (reply) copyHeaders(reply);
    const names = res.getHeaderNames();
    if (overrides === NO_HEADERS && takesAll(res, names, defaults)) {
      // Nothing to merge with. What `setHeader()` keeps for `getHeader()` is 500 bytes, for as long as a client stays.
      res.writeHead(status, defaults);
    } else {
      for (const name in defaults) {
        if (!res.hasHeader(name) && !(name === 'Connection' && isLast(res))) res.setHeader(name, defaults[name] ?? '');
      }
      for (const name in overrides) {
        const value = overrides[name];
        if (value === null || value === false) res.removeHeader(name);
        else if (value !== undefined) res.setHeader(name, value);
      }
      const vary = varyOnPosition(res.getHeader('cache-control'), res.getHeader('vary'));
      if (vary !== undefined) res.setHeader('Vary', vary);
      (res as ServerResponse).writeHead(status);
    }
    // Not before: when a header is refused, the filters must still be able to answer.
    reply?.hijack();
  }
}

/** Whether our headers are sent as they are: beside what others have set, none of which is one of ours. */
function takesAll(res: RawResponse, names: readonly string[], defaults: ResponseHeaders): res is ServerResponse {
  return (
    !(res instanceof Http2ServerResponse) &&
    !isLast(res) &&
    // Somebody may want to set headers when they are written, as `on-headers` does.
    res.writeHead === ServerResponse.prototype.writeHead &&
    // What it says decides about `Vary`.
    !names.includes('cache-control') &&
    (names.length === 0 || !Object.keys(defaults).some((name) => names.includes(name.toLowerCase())))
  );
}

function copyHeaders(reply: HijackableReply): void {
  const headers = reply.getHeaders();
  for (const name in headers) {
    const value = headers[name];
    // A stream has no length. One is there for HEAD requests: Fastify's own hook for them saw no payload.
    if (value !== undefined && name !== 'content-length') reply.raw.setHeader(name, value);
  }
}

/** No overrides: one object for all, so that a look is enough. */
export const NO_HEADERS: SseHeaders = Object.freeze({});

/** Whether the client, or a server that closes, wants no other request on this socket: then Node says `close` itself. */
function isLast(res: RawResponse): boolean {
  return !(res instanceof Http2ServerResponse) && !res.shouldKeepAlive;
}
