import { createParser } from 'eventsource-parser';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { GAP, type Received } from './delivery-ledger.js';

/**
 * A client that comes back, as an `EventSource` does: after the time that the server told, with the last id, and to
 * whatever server `where()` says then.
 */
export class ReturningClient {
  readonly received: Received[] = [];
  /** Events of other types than `message` and `gap`. */
  readonly others: { readonly type: string; readonly data: string }[] = [];
  lastEventId = '';
  /** Responses so far, the times that they arrived, and those that were no event stream. */
  arrivals: number[] = [];
  refusals: number[] = [];
  endings = 0;
  /** The times that it was told to wait before it comes back. */
  readonly retries: number[] = [];
  /** Comments so far: pings, and the position at the beginning. */
  comments = 0;
  isOpen = false;
  private retryMs = 100;
  private current: ClientRequest | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(
    private readonly where: () => string,
    private readonly path: string,
  ) {
    this.connect();
  }

  /** Loses the connection, and comes back. */
  cut(): void {
    this.current?.destroy();
  }

  close(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    this.current?.destroy();
  }

  private connect(): void {
    if (this.isOver) return;
    const headers = this.lastEventId === '' ? {} : { 'last-event-id': this.lastEventId };
    const current = request(this.where() + this.path, { agent: false, headers });
    this.current = current;
    let isGone = false;
    const gone = () => {
      if (isGone || current !== this.current) return;
      isGone = true;
      this.isOpen = false;
      this.endings++;
      if (!this.isOver) this.timer = setTimeout(() => this.connect(), this.retryMs);
    };
    current.on('response', (response) => this.read(response, gone));
    current.on('error', gone);
    current.on('close', gone);
    current.end();
  }

  private read(response: IncomingMessage, gone: () => void): void {
    this.arrivals.push(performance.now());
    if (response.statusCode !== 200) {
      this.refusals.push(response.statusCode ?? 0);
      response.resume();
      return;
    }
    this.isOpen = true;
    const parser = createParser({
      onEvent: ({ event = 'message', data, id }) => {
        if (id !== undefined) this.lastEventId = id;
        if (event === 'message') this.received.push(data);
        else if (event === 'gap') this.received.push(GAP);
        else this.others.push({ type: event, data });
      },
      onRetry: (ms) => this.retries.push((this.retryMs = ms)),
      onComment: () => this.comments++,
    });
    response.setEncoding('utf8');
    response.on('data', (text: string) => parser.feed(text));
    response.on('error', gone);
    response.on('close', gone);
  }
}
