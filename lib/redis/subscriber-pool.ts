import { retryDelay } from '../protocol/retry-delay.js';
import type { CommandLink } from './command-link.js';
import { hashSlot } from './hash-slot.js';
import type { SseRedisOptions } from './redis-backplane-options.js';
import { Subscriber } from './subscriber.js';

/** A listener of a key. */
export interface KeyListener {
  message(text: string): void;
  /** Called after every time that the subscription was made, the first and those after a loss. */
  subscribed(): void;
}

/** Commands that one attempt may cost. */
const MAX_PROBES = 100;

/**
 * The listening connections of a node: one, or in a cluster one for each shard that has a key somebody listens to.
 *
 * @internal
 */
export class SubscriberPool {
  private readonly listeners = new Map<string, KeyListener>();
  private readonly subscribers = new Map<string, Subscriber>();
  /** Keys that no subscriber has now. */
  private readonly homeless = new Set<string>();
  private retry: NodeJS.Timeout | undefined;
  private attempts = 0;
  /** Whether a connection is being waited for before any key can be placed. */
  private isWaiting = false;
  private isClosed = false;

  constructor(
    private readonly link: CommandLink,
    private readonly options: Pick<SseRedisOptions, 'publishTimeoutMs' | 'checkIntervalMs'>,
  ) {}

  /** Whether everything that is listened to has a connection. */
  get isWhole(): boolean {
    return this.homeless.size === 0;
  }

  get connections(): number {
    return this.subscribers.size;
  }

  add(key: string, listener: KeyListener): void {
    this.listeners.set(key, listener);
    this.homeless.add(key);
    this.place([key]);
  }

  remove(key: string): void {
    this.listeners.delete(key);
    this.homeless.delete(key);
    for (const [address, subscriber] of this.subscribers) {
      if (!subscriber.keys.has(key)) continue;
      subscriber.remove(key);
      // A single server's connection stays: most applications soon listen again.
      if (subscriber.keys.size === 0 && address !== '') this.end(address, subscriber);
    }
  }

  /** Resolves when every notification of the key has been told that was sent before this call, or none can come. */
  async settled(key: string): Promise<void> {
    for (const subscriber of this.subscribers.values()) if (subscriber.keys.has(key)) return await subscriber.settled();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.retry);
    for (const subscriber of this.subscribers.values()) subscriber.close();
    this.subscribers.clear();
    this.listeners.clear();
    this.homeless.clear();
  }

  private place(keys: Iterable<string>): void {
    for (const key of keys) {
      const address = this.link.addressOf(key);
      let subscriber = this.subscribers.get(address);
      if (!subscriber) {
        if (this.isAsking(key)) continue;
        subscriber = this.open(address, key);
      }
      if (!subscriber.keys.has(key)) subscriber.add(key);
    }
  }

  /** A cluster does not know its shards before it is connected: the keys are placed when it does, all at once. */
  private isAsking(key: string): boolean {
    if (this.link.isReady) return false;
    if (!this.isWaiting) {
      this.isWaiting = true;
      this.refresh(key);
    }
    return true;
  }

  private open(address: string, key: string): Subscriber {
    const { publishTimeoutMs, checkIntervalMs } = this.options;
    const subscriber: Subscriber = new Subscriber(
      this.link.nodeFor(key),
      {
        message: (of, text) => this.listeners.get(of)?.message(text),
        subscribed: (of) => {
          this.attempts = 0;
          this.homeless.delete(of);
          this.listeners.get(of)?.subscribed();
        },
        moved: (of) => {
          subscriber.keys.delete(of);
          this.homeless.add(of);
          this.again();
        },
        lost: () => {
          if (this.subscribers.get(address) === subscriber) this.subscribers.delete(address);
          for (const of of subscriber.keys) if (this.listeners.has(of)) this.homeless.add(of);
          this.again();
        },
      },
      publishTimeoutMs,
      checkIntervalMs,
    );
    this.subscribers.set(address, subscriber);
    return subscriber;
  }

  private end(address: string, subscriber: Subscriber): void {
    subscriber.close();
    this.subscribers.delete(address);
  }

  /** Looks for servers of the keys again, after a while. */
  private again(): void {
    if (this.retry || this.isClosed) return;
    // Plus a random time of the same length, so that the nodes do not come at once.
    const delay = retryDelay(this.attempts++);
    this.retry = setTimeout(
      () => {
        this.retry = undefined;
        // One key of a server is enough to notice that the server is back. One key of a slot is enough to notice that it has moved.
        const probes = new Map([...this.homeless].map((key) => [this.link.cluster ? hashSlot(key) : 0, key]));
        for (const key of [...probes.values()].slice(0, MAX_PROBES)) this.refresh(key);
      },
      delay * (1 + Math.random()),
    );
  }

  /** Any command makes a cluster notice that a slot has moved or a master is another; then the keys are placed anew. */
  private refresh(key: string): void {
    this.link.send(key, ['EXISTS', key]).then(
      () => {
        this.isWaiting = false;
        this.place(this.homeless);
      },
      () => {
        this.isWaiting = false;
        this.again();
      },
    );
  }
}
