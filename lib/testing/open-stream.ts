import { closeAfterTest } from './end-of-test.js';
import { serverAddress, type SseTestApp } from './server-address.js';
import { SseTestClient } from './sse-test-client.js';

/**
 * What a test client sends.
 *
 * @publicApi
 */
export interface OpenStreamOptions {
  /** @default 'GET', or 'POST' when there is a body */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  /** Sent as `Last-Event-ID`, as by a client that comes back. @default none */
  readonly lastEventId?: string;
  /** The longest wait for an answer, or for the next event, in milliseconds of real time. @default 4_000 */
  readonly timeoutMs?: number;
}

/** Less than the five seconds after which Jest and Vitest give a test up: their message could not say what was received. */
const TIMEOUT_MS = 4_000;

/**
 * Opens a stream of an application under test, over HTTP/1.1 or HTTP/2, as the application speaks it. An application that does
 * not listen begins to, on a free port of 127.0.0.1.
 *
 * The stream is closed at the end of the test: see `closeStreams()`. Time may be faked: what this does takes real time.
 *
 * @returns the client, once the headers are there. Every status is an answer: look at `response`
 * @throws {Error} when there is no answer within `timeoutMs`
 * @example
 * const stream = await openStream(app, '/orders/feed', { headers: { authorization: 'Bearer ann' } });
 * await app.get(SseBroadcaster).publish('orders', { type: 'created', data: { total: 20 } });
 * expect(await stream.next()).toMatchObject({ type: 'created', data: '{"total":20}' });
 *
 * @publicApi
 */
export async function openStream(
  app: SseTestApp,
  path: string,
  options: OpenStreamOptions = {},
): Promise<SseTestClient> {
  const opened: { client?: SseTestClient } = {};
  // At once: see closeAfterTest().
  const forget = closeAfterTest({ close: async () => await opened.client?.close() });
  try {
    const address = await serverAddress(app);
    const { body, lastEventId = '', timeoutMs = TIMEOUT_MS } = options;
    const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    const headers: Record<string, string> = {
      host: 'port' in address.target ? `localhost:${address.target.port}` : 'localhost',
      connection: 'keep-alive',
      accept: 'text/event-stream',
      'cache-control': 'no-cache',
      ...(isRaw ? {} : { 'content-type': 'application/json' }),
    };
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = value;
    const method = options.method ?? (body === undefined ? 'GET' : 'POST');
    const request = { method, path, headers, body: isRaw ? body : JSON.stringify(body), lastEventId, timeoutMs };
    opened.client = new SseTestClient(address, request, forget);
    await opened.client.open();
    return opened.client;
  } catch (error) {
    await opened.client?.close();
    forget();
    throw error;
  }
}
