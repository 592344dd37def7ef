import type { IncomingHttpHeaders } from 'node:http';
import { EventDecoder, type SseDecodedEvent } from '../protocol/event-decoder.js';
import { Buffer } from 'node:buffer';
import { exchange, type Exchange, type OutgoingTestRequest } from './exchange.js';
import { clearTimeout, setTimeout } from './real-timers.js';
import { Received } from './received.js';
import type { ServerAddress } from './server-address.js';

/** What waits to be taken by the test before the socket is read no more, in characters: a source without an end must not fill the memory. */
const MAX_WAITING = 1_048_576;

/**
 * The response that a test client got.
 *
 * @publicApi
 */
export interface SseTestResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: IncomingHttpHeaders;
  /** The body of an answer that is no event stream: what a guard or a pipe has answered, for example. */
  readonly body: string | undefined;
}

/** What a test client asks for, again and again. @internal */
export interface TestRequest extends OutgoingTestRequest {
  readonly lastEventId: string;
  readonly timeoutMs: number;
}

type State = 'reading' | 'ended' | 'lost' | 'closed';

/**
 * One client of a stream, made by `openStream()`.
 *
 * What does not come within `timeoutMs`, or cannot come any more, is an error. Its message says what was received.
 *
 * @publicApi
 */
export class SseTestClient implements AsyncDisposable {
  /** The response, or the newest one after `reconnect()`. */
  response!: SseTestResponse;
  /** The text of all comments so far: a ping is `''`. */
  readonly comments: string[] = [];

  private readonly events: SseDecodedEvent[] = [];
  /** The characters of data that wait in `events`. */
  private waitingLength = 0;
  private commentsTaken = 0;
  private decoder: EventDecoder;
  private received!: Received;
  private current: Exchange | undefined;
  /** The request that waits for its answer. */
  private asking: AbortController | undefined;
  private asked: Promise<Exchange> | undefined;
  private state: State = 'closed';
  private readonly waiters = new Set<() => void>();

  /** @internal */
  constructor(
    private readonly address: ServerAddress,
    private readonly request: TestRequest,
    private readonly onClose: () => void,
  ) {
    this.decoder = this.newDecoder(request.lastEventId);
  }

  /** What a browser would send as `Last-Event-ID` when it comes back now. `''`: nothing. */
  get lastEventId(): string {
    return this.decoder.lastEventId;
  }

  /** The reconnection time that the server told last, in milliseconds. */
  get retry(): number | undefined {
    return this.decoder.retry;
  }

  /**
   * Takes the next event.
   *
   * @throws {Error} when the stream has ended or was cut off, when the answer is no event stream, or when nothing comes within
   *   `timeoutMs`
   * @example
   * expect(await stream.next()).toMatchObject({ type: 'created', data: '{"total":20}' });
   */
  async next(): Promise<SseDecodedEvent> {
    return await this.wait('next()', () => this.shift());
  }

  /**
   * Takes the next events.
   *
   * @example
   * const [first, second] = await stream.take(2);
   */
  async take(count: number): Promise<SseDecodedEvent[]> {
    const events: SseDecodedEvent[] = [];
    while (events.length < count) {
      const what = `event ${events.length + 1} of take(${count})`;
      events.push(await this.wait(what, () => this.shift()));
    }
    return events;
  }

  /**
   * Takes events up to the first one that fits.
   *
   * @returns all that were taken; the last one fits
   * @example
   * const events = await stream.until(({ type }) => type === 'done');
   */
  async until(predicate: (event: SseDecodedEvent) => boolean): Promise<SseDecodedEvent[]> {
    const events: SseDecodedEvent[] = [];
    for (;;) {
      const event = await this.wait('until()', () => this.shift());
      events.push(event);
      if (predicate(event)) return events;
    }
  }

  /**
   * Takes all events up to the end of the stream.
   *
   * @throws {Error} when the stream does not end within `timeoutMs` of its last event, or was cut off
   * @example
   * await app.close();
   * expect(await stream.rest()).toEqual([]);
   */
  async rest(): Promise<SseDecodedEvent[]> {
    const events: SseDecodedEvent[] = [];
    for (;;) {
      const event = await this.wait('rest()', () => this.shift() ?? (this.state === 'ended' ? null : undefined));
      if (event === null) return events;
      events.push(event);
    }
  }

  /**
   * Takes the text of the next comment. A ping is an empty one.
   *
   * @example
   * await jest.advanceTimersByTimeAsync(15_000);
   * expect(await stream.nextComment()).toBe('');
   */
  async nextComment(): Promise<string> {
    const comment = await this.wait('nextComment()', () => this.comments[this.commentsTaken]);
    this.commentsTaken++;
    return comment;
  }

  /**
   * Loses the connection by a reset, without a FIN, as a client does whose process is killed.
   *
   * @returns a promise that resolves when the server knows
   */
  async cut(): Promise<void> {
    await this.leave('lost', true);
  }

  /**
   * Comes back at once with the last event id, as a browser does after the `retry` time. Events that were received and not
   * taken are kept.
   *
   * @throws {Error} when there is no answer
   */
  async reconnect(): Promise<void> {
    await this.leave('closed', false);
    this.decoder = this.newDecoder(this.lastEventId);
    await this.open();
  }

  /** Leaves. It resolves when the server knows. It is called by itself at the end of the test. */
  async close(): Promise<void> {
    this.onClose();
    await this.leave('closed', false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  async open(): Promise<void> {
    const { method, path } = this.request;
    const asking = new AbortController();
    this.asking = asking;
    const asked = exchange(this.address, { ...this.request, headers: this.headers() }, asking.signal);
    this.asked = asked;
    const current = await this.intime(asked, () => `${method} ${path} got no answer`);
    this.asking = this.asked = undefined;
    if (asking.signal.aborted) throw this.failure(`${method} ${path}: ${OVER.closed}`);
    this.current = current;
    const { status, headers, body } = current;
    this.received = new Received(`${method} ${path}`, status, headers);
    body.setEncoding('utf8');
    body.on('error', () => this.over(current, 'lost'));
    body.on('close', () => this.over(current, 'lost'));
    // An HTTP/2 stream that was reset ends as well.
    body.on('end', () => this.over(current, (body as { rstCode?: number }).rstCode ? 'lost' : 'ended'));
    this.state = 'reading';
    if (/^text\/event-stream\b/.test(headers['content-type'] ?? '')) {
      this.response = { status, headers, body: undefined };
      body.on('data', (text: string) => this.read(text));
    } else {
      let text = '';
      body.on('data', (part: string) => (text += part));
      await this.intime(new Promise((resolve) => body.once('close', resolve)), () => 'the end of the body');
      this.response = { status, headers, body: text };
    }
  }

  private newDecoder(lastEventId: string): EventDecoder {
    return new EventDecoder(lastEventId, (text) => {
      this.comments.push(text);
      this.received.comments++;
    });
  }

  private headers(): Record<string, string> {
    const { headers } = this.request;
    const { lastEventId } = this;
    if (lastEventId === '') return headers;
    // Browsers send its UTF-8, and Node writes a header as Latin-1.
    return { ...headers, 'last-event-id': Buffer.from(lastEventId).toString('latin1') };
  }

  private read(text: string): void {
    if (this.state !== 'reading') return;
    for (const event of this.decoder.feed(text)) {
      this.received.event(event);
      this.events.push(event);
      this.waitingLength += event.data.length;
    }
    if (this.waitingLength > MAX_WAITING && this.waiters.size === 0) this.current?.body.pause();
    this.wake();
  }

  private shift(): SseDecodedEvent | undefined {
    const event = this.events.shift();
    if (event) this.waitingLength -= event.data.length;
    return event;
  }

  private over(which: Exchange, state: State): void {
    if (which !== this.current || this.state !== 'reading') return;
    this.state = state;
    this.wake();
  }

  private async leave(state: State, isCut: boolean): Promise<void> {
    const { current } = this;
    this.current = undefined;
    if (this.state === 'reading' || state === 'closed') this.state = state;
    this.wake();
    this.asking?.abort();
    // An answer may have come in the same moment.
    const late = await this.asked?.catch(() => undefined);
    await (late ?? current)?.leave(isCut);
  }

  private wake(): void {
    for (const waiter of [...this.waiters]) waiter();
  }

  /** Waits for what is `undefined` until it is there. */
  private async wait<T>(what: string, look: () => T | undefined): Promise<T> {
    let waiter!: () => void;
    const found = new Promise<T>((resolve, reject) => {
      waiter = () => {
        // At once, not when the promise is read: what is taken is taken once.
        this.waiters.delete(waiter);
        const value = look();
        if (value !== undefined) return resolve(value);
        if (this.state !== 'reading') return reject(this.failure(`${what}: ${OVER[this.state]}`));
        this.waiters.add(waiter);
        this.current?.body.resume();
      };
      waiter();
    });
    return await this.intime(found, () => what).finally(() => this.waiters.delete(waiter));
  }

  private async intime<T>(work: Promise<T>, what: () => string): Promise<T> {
    const { timeoutMs } = this.request;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.failure(`${what()}: nothing has come for ${timeoutMs} ms`)), timeoutMs);
    });
    return await Promise.race([work, late]).finally(() => clearTimeout(timer));
  }

  private failure(what: string): Error {
    const received = this.current || this.received ? `\n${this.received.describe(this.response?.body)}` : '';
    return new Error(what + received);
  }
}

const OVER = {
  ended: 'the stream has ended',
  lost: 'the connection was lost',
  closed: 'this client has left',
} as const;
