import { within } from '../following/deadline.js';
import { destroyClient } from './destroy-client.js';
import type { SingleClient } from './redis-client.js';

/** What a {@link Subscriber} tells. */
export interface SubscriberEvents {
  message(key: string, text: string): void;
  /** From now on every notification of `key` arrives. */
  subscribed(key: string): void;
  /** The server does not have `key`, or not any more. */
  moved(key: string): void;
  /** The connection is gone, once. Nothing else is told after it. */
  lost(error: unknown): void;
}

/**
 * One connection that only listens, for all keys of one server. It lives once: when it is lost, another one is made.
 *
 * @internal
 */
export class Subscriber {
  readonly keys = new Set<string>();
  /** Not enumerable: it knows the password. */
  #client: SingleClient | undefined;
  private isConnected = false;
  private isOver = false;
  private readonly pings: NodeJS.Timeout;

  /**
   * @param model resolves with a client to duplicate
   * @param timeoutMs within which a connection must be made, and a ping answered
   */
  constructor(
    model: Promise<SingleClient>,
    private readonly events: SubscriberEvents,
    private readonly timeoutMs: number,
    pingEveryMs: number,
  ) {
    this.pings = setInterval(() => void this.settled(), pingEveryMs).unref();
    within(timeoutMs, this.connect(model)).catch((error: unknown) => this.lose(error));
  }

  add(key: string): void {
    this.keys.add(key);
    if (this.isConnected) this.subscribe(key);
  }

  remove(key: string): void {
    this.keys.delete(key);
    if (this.isConnected) this.#client?.sUnsubscribe(key).catch(() => undefined);
  }

  close(): void {
    if (this.isOver) return;
    this.isOver = true;
    clearInterval(this.pings);
    if (this.#client) destroyClient(this.#client);
  }

  private async connect(model: Promise<SingleClient>): Promise<void> {
    const of = await model;
    if (this.isOver) return;
    // It does not reconnect by itself. So it is known for every key since when nothing is missing.
    const socket = { ...of.options?.socket, connectTimeout: this.timeoutMs, reconnectStrategy: false };
    const client = (this.#client = of.duplicate({ socket }) as SingleClient);
    client.on('error', (error: Error) => this.lose(error));
    client.on('end', () => this.lose(new Error('the connection has ended')));
    client.on('sharded-channel-moved', (key: string) => this.keys.has(key) && this.events.moved(key));
    await client.connect();
    if (this.isOver) return;
    this.isConnected = true;
    for (const key of this.keys) this.subscribe(key);
  }

  private subscribe(key: string): void {
    this.#client?.sSubscribe(key, this.onMessage).then(
      () => {
        if (!this.isOver && this.keys.has(key)) this.events.subscribed(key);
      },
      (error: unknown) => {
        if (this.isOver) return;
        if (error instanceof Error && /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/.test(error.message)) this.events.moved(key);
        else this.lose(error);
      },
    );
  }

  private readonly onMessage = (message: string, key: string): void => {
    if (!this.isOver) this.events.message(key, message);
  };

  /** Resolves when everything has been told that the server had sent before: its answers are in order. Never rejects. */
  async settled(): Promise<void> {
    if (!this.#client || !this.isConnected || this.isOver) return;
    await within(this.timeoutMs, this.#client.sendCommand(['PING'])).catch((error: unknown) => this.lose(error));
  }

  private lose(error: unknown): void {
    if (this.isOver) return;
    this.close();
    this.events.lost(error);
  }
}
