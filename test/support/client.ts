import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { request as http1Request, type IncomingHttpHeaders } from 'node:http';
import { connect, constants, type ClientHttp2Session } from 'node:http2';
import type { Readable } from 'node:stream';
import { createGunzip, constants as zlib } from 'node:zlib';
import { endWithFile } from './client-sockets.js';
import type { Running } from './platforms.js';

export interface ClientOptions {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** Gives the request up, before there is a response; after that, `leave()`. */
  signal?: AbortSignal;
}

/** An open response, read as far as a test asks: it pauses the socket in between, as a slow client would. */
export class Client {
  private readonly parser;
  private readonly parsed: EventSourceMessage[] = [];
  private readonly iterator: AsyncIterator<string>;
  /** Everything read so far, comments and all. */
  text = '';
  /** The last `retry:` seen. */
  retry: number | undefined;
  readonly comments: string[] = [];
  ended = false;
  readonly body: Readable;

  constructor(
    readonly status: number,
    readonly headers: IncomingHttpHeaders,
    raw: Readable,
    private readonly abort: () => void,
  ) {
    // Hands out what it can decode, as browsers do: without it a flush would not be seen before the end.
    const gunzip = headers['content-encoding'] === 'gzip' ? createGunzip({ flush: zlib.Z_SYNC_FLUSH }) : undefined;
    const body = gunzip ? raw.on('error', (error) => gunzip.destroy(error)).pipe(gunzip) : raw;
    this.body = body;
    body.setEncoding('utf8');
    body.on('error', () => undefined);
    this.iterator = body[Symbol.asyncIterator]() as AsyncIterator<string>;
    this.parser = createParser({
      onEvent: (event) => this.parsed.push(event),
      onRetry: (ms) => (this.retry = ms),
      onComment: (comment) => this.comments.push(comment),
    });
  }

  /** The next event, or `undefined` when the body ended cleanly. Rejects when it was cut off. */
  async event(): Promise<EventSourceMessage | undefined> {
    while (this.parsed.length === 0) if (!(await this.read())) return undefined;
    return this.parsed.shift();
  }

  async events(count: number): Promise<EventSourceMessage[]> {
    const events: EventSourceMessage[] = [];
    while (events.length < count) {
      const event = await this.event();
      if (!event)
        throw new Error(
          `the stream ended after ${events.length} of ${count} events: ${JSON.stringify(this.text.slice(-200))}`,
        );
      events.push(event);
    }
    return events;
  }

  /** Reads until `condition` holds. */
  async until(condition: (client: this) => boolean): Promise<void> {
    while (!condition(this))
      if (!(await this.read())) throw new Error(`the stream ended first: ${JSON.stringify(this.text.slice(-200))}`);
  }

  /** Reads to the clean end of the body. @returns the events that were left */
  async rest(): Promise<EventSourceMessage[]> {
    while (await this.read());
    return this.parsed.splice(0);
  }

  /** Leaves, as a browser does that is closed. */
  leave(): void {
    this.abort();
  }

  private async read(): Promise<boolean> {
    const { done, value } = await this.iterator.next();
    if (done) {
      this.ended = true;
      return false;
    }
    this.text += value;
    this.parser.feed(value);
    return true;
  }
}

/** Asks for `path`, over the protocol that the application speaks. Resolves when the headers are there. */
export function open(
  { url, http2 }: Pick<Running, 'url' | 'http2'>,
  path: string,
  options: ClientOptions = {},
): Promise<Client> {
  return http2 ? open2(url, path, options) : open1(url, path, options);
}

function open1(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body, signal }: ClientOptions,
): Promise<Client> {
  return new Promise((resolve, reject) => {
    const options = { method, headers: withType(headers, body), agent: false, signal };
    const request = http1Request(url + path, options, (response) => {
      resolve(new Client(response.statusCode ?? 0, response.headers, response, () => request.destroy()));
    });
    request.on('socket', endWithFile);
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function open2(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body, signal }: ClientOptions,
): Promise<Client> {
  return new Promise((resolve, reject) => {
    const session: ClientHttp2Session = endWithFile(connect(url));
    session.on('error', reject);
    const stream = session.request(
      { ':method': method, ':path': path, ...withType(headers, body) },
      { endStream: false },
    );
    stream.on('error', reject);
    stream.on('response', ({ ':status': status = 0, ...responseHeaders }) => {
      stream.off('error', reject);
      resolve(
        new Client(status, responseHeaders, stream, () => {
          stream.close(constants.NGHTTP2_CANCEL);
          session.destroy();
        }),
      );
    });
    stream.on('close', () => {
      session.close();
      reject(new Error('the stream was closed without a response'));
    });
    signal?.addEventListener('abort', () => {
      stream.close(constants.NGHTTP2_CANCEL);
      reject(signal.reason as Error);
    });
    stream.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function withType(headers: Record<string, string>, body: unknown): Record<string, string> {
  return body === undefined ? headers : { 'content-type': 'application/json', ...headers };
}
