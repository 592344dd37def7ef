import { deadline, within } from '../following/deadline.js';
import { destroyClient } from './destroy-client.js';
import { commandFailure } from './command-failure.js';
import { hashSlot } from './hash-slot.js';
import { type ClusterClient, isCluster, type SingleClient } from './redis-client.js';
import type { SseRedisOptions } from './redis-backplane-options.js';
import { SseError } from '../protocol/sse-error.js';
import { backplaneClosed } from '../following/store-error.js';
import { redisUnavailable } from './redis-error.js';
import { ShardHealth } from './shard-health.js';

type AnyClient = SingleClient | ClusterClient;

/** A client that gave up, or a cluster that can not be discovered, is replaced this long after the last attempt. */
const REPLACE_AFTER_MS = 500;

/** A command that has no outcome yet. */
interface Command {
  readonly key: string;
  readonly args: string[];
  /** When the client got it, on the clock of `performance.now()`. */
  sentAt: number;
  isSettled: boolean;
  /** The client that has it; none as long as it is held here. */
  client: AnyClient | undefined;
  /** The client that it waits for while it is held. */
  waitsFor: AnyClient | undefined;
  resolve(answer: unknown): void;
  reject(error: Error): void;
  stopTimer(): void;
}

/**
 * A connection that commands go by: one for a server, one for each shard of a cluster.
 *
 * node-redis reconnects by itself. What is added here is that every command has an outcome within bounded time, and that a
 * connection which owes an answer and is silent (half-open: the peer is gone and no packet says so) is replaced instead of
 * waited for.
 *
 * Commands are held here until a connection takes them, not by node-redis: so it is known of each whether it was sent, and
 * one that was not goes to the next connection, with what is left of its time.
 *
 * @internal
 */
export class CommandLink {
  /** Commands that wait for an answer. */
  pending = 0;
  /** The last failure, until a command succeeds again. */
  failure: Error | undefined;
  /** Not enumerable: it knows the password. */
  #client: AnyClient | undefined;
  /** Settles when the client takes commands; a cluster has to be discovered first. */
  private connected: Promise<unknown> | undefined;
  private isConnected = false;
  private isTrying = false;
  private replacedAt = -Infinity;
  /** Why there is no connection. */
  private trouble: unknown;
  /** Commands that no client has yet, in the order of the calls. */
  private readonly held = new Set<Command>();
  private readonly health = new ShardHealth();
  private isClosed = false;
  private onIdle: () => void = () => undefined;

  constructor(
    private readonly make: () => AnyClient | Promise<AnyClient>,
    private readonly options: Pick<SseRedisOptions, 'publishTimeoutMs'>,
  ) {}

  /** The cluster client, once it knows its shards. */
  get cluster(): ClusterClient | undefined {
    const client = this.#client;
    // Version 5 has no `isReady` for clusters.
    return client && isCluster(client) && this.isConnected && client.isOpen ? client : undefined;
  }

  get isReady(): boolean {
    const client = this.#client;
    return client !== undefined && (isCluster(client) ? this.cluster === client : client.isReady);
  }

  /**
   * Sends a command to the server that has `key`. Commands with the same key are sent in the order of the calls.
   *
   * @throws {SseError} `SSE_BACKPLANE_UNAVAILABLE` | `SSE_CLOSED`; an error answer is the cause
   */
  send(key: string, args: string[]): Promise<unknown> {
    if (this.isClosed) return Promise.reject(backplaneClosed());
    this.pending++;
    return new Promise((resolve, reject) => {
      const command: Command = {
        key,
        args,
        sentAt: 0,
        isSettled: false,
        client: undefined,
        waitsFor: undefined,
        resolve,
        reject,
        // A little after node-redis's own timeout, which withdraws a command that it has not sent: then the outcome is known.
        stopTimer: deadline(this.options.publishTimeoutMs + 20, () => this.expire(command)),
      };
      // Not awaited when it need not be: an `await` would let a later call overtake.
      if (this.held.size === 0 && this.isReady) this.dispatch(this.#client!, command);
      else this.hold(command);
    });
  }

  /** The client for `key`'s server, to be duplicated. */
  async nodeFor(key: string): Promise<SingleClient> {
    await this.connect();
    const client = this.#client;
    if (!client) throw backplaneClosed();
    if (!isCluster(client)) return client;
    const shard = client.slots[hashSlot(key)];
    if (!shard) throw redisUnavailable('no shard has this slot', 'not sent');
    return (await client.nodeClient(shard.master)) as SingleClient;
  }

  /** Which server has `key`, as far as is known. */
  addressOf(key: string): string {
    return this.cluster?.slots[hashSlot(key)]?.master.address ?? '';
  }

  /** Takes no more commands, waits for the answers to those that were sent (their time is bounded), and disconnects. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (this.pending > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    this.drop();
  }

  private hold(command: Command): void {
    command.client = undefined;
    command.waitsFor = this.#client;
    this.held.add(command);
    void this.keepTrying();
  }

  /** Gives what is held to the connection, in order. */
  private flush(): void {
    const client = this.#client;
    if (!client || !this.isReady) return;
    for (const command of this.held) {
      this.held.delete(command);
      this.dispatch(client, command);
    }
  }

  /** Makes connections as long as somebody waits for one. Each attempt takes a while. */
  private async keepTrying(): Promise<void> {
    if (this.isTrying) return;
    this.isTrying = true;
    try {
      while (this.held.size > 0 && !(this.isConnected && this.#client?.isOpen)) {
        await this.connect().catch((error: unknown) => {
          this.trouble = error;
          // What no attempt will change.
          if (error instanceof SseError) for (const command of this.held) this.fail(command, this.unsent(''));
        });
      }
    } finally {
      this.isTrying = false;
    }
    this.flush();
  }

  private connect(): Promise<unknown> {
    if (this.isClosed && this.pending === 0) return Promise.reject(backplaneClosed());
    if (this.#client && !this.#client.isOpen && this.isConnected) this.drop();
    if (!this.connected) {
      const connected = (this.connected = this.open());
      connected.catch(() => {
        // It may have been replaced meanwhile: another one's failure is not this one's.
        if (this.connected === connected) this.drop();
      });
    }
    return this.connected;
  }

  private async open(): Promise<void> {
    const wait = this.replacedAt + REPLACE_AFTER_MS - performance.now();
    this.replacedAt = performance.now() + Math.max(0, wait);
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait).unref());
    const client = await this.make();
    if (this.isClosed && this.pending === 0) return;
    this.#client = client;
    // Without a listener the first lost connection would end the process. What it means shows in the commands.
    client.on('error', (error: unknown) => (this.trouble = error));
    if (!isCluster(client)) client.on('ready', () => client === this.#client && this.flush());
    const connecting = client.connect();
    // Discovery waits for ever for a shard that accepts the connection and says nothing.
    if (isCluster(client)) await within(this.options.publishTimeoutMs, connecting);
    // A single client gives up only if its strategy says so.
    else {
      connecting.catch((error: unknown) => {
        this.trouble = error;
        this.replace(client);
      });
    }
    if (this.#client === client) this.isConnected = true;
  }

  private dispatch(client: AnyClient, command: Command): void {
    if (command.isSettled) return;
    command.client = client;
    command.sentAt = performance.now();
    const { key, args } = command;
    const shard = isCluster(client) ? client.slots[hashSlot(key)]?.master.client : undefined;
    const wasReady = shard === undefined || this.health.wasReady(shard);
    // What a cluster cannot send at once it withdraws in time: that costs an AbortSignal.
    const options = { timeout: isCluster(client) ? this.options.publishTimeoutMs : undefined, typeMapping: {} };
    const sent = isCluster(client) ? client.sendCommand(key, false, args, options) : client.sendCommand(args, options);
    sent.then(
      (answer) => {
        this.answered(client, key);
        if (!this.settle(command)) return;
        this.failure = this.trouble = undefined;
        command.resolve(answer);
      },
      (error: unknown) => {
        const failure = commandFailure(error, this.trouble);
        if (failure.isAnswer) this.answered(client, key);
        const isUnsent = failure.isUnsent || (!failure.isAnswer && !wasReady && !this.health.wasReady(shard));
        if (!client.isOpen || failure.isWrongServer) this.replace(client);
        // Its time is not over: another connection may take it.
        if (isUnsent && !failure.isLate && !command.isSettled) this.hold(command);
        else this.fail(command, failure.error);
      },
    );
  }

  private settle(command: Command): boolean {
    if (command.isSettled) return false;
    command.isSettled = true;
    command.stopTimer();
    this.held.delete(command);
    if (--this.pending === 0) this.onIdle();
    return true;
  }

  private fail(command: Command, error: Error): void {
    if (!this.settle(command)) return;
    this.failure = error;
    command.reject(error);
  }

  /** Its time is over. */
  private expire(command: Command): void {
    const { client, waitsFor, key, sentAt } = command;
    const { publishTimeoutMs } = this.options;
    const within = ` within ${publishTimeoutMs} ms`;
    this.fail(command, client ? redisUnavailable(`no answer${within}`, 'unknown') : this.unsent(within));
    // One that was held for most of its time says nothing of the connection, which may be a moment old.
    if (client && performance.now() - sentAt >= publishTimeoutMs / 2) this.suspect(client, key, sentAt);
    // All the time it was not ready: it may be waiting for an answer that never comes.
    else if (!client && waitsFor && waitsFor === this.#client && !this.isReady) this.replace(waitsFor);
  }

  private unsent(within: string): Error {
    return redisUnavailable(`no connection${within}`, 'not sent', this.trouble);
  }

  private answered(client: AnyClient, key: string): void {
    if (client === this.#client) this.health.answered(this.addressOf(key));
  }

  /** A command was not answered. If nothing else was since it was sent, the connection is dead. */
  private suspect(client: AnyClient, key: string, sentAt: number): void {
    const address = this.addressOf(key);
    if (client !== this.#client || this.health.hasAnsweredSince(address, sentAt)) return;
    const shard = isCluster(client) ? client.slots[hashSlot(key)] : undefined;
    // The other shards go on. If a new connection does not help, the cluster is discovered anew: it may have changed.
    if (!shard?.master.client || this.health.suspect(address)) return this.replace(client);
    const dead = shard.master.client;
    shard.master.client = undefined;
    destroyClient(dead);
  }

  private replace(client: AnyClient): void {
    if (client === this.#client) this.drop();
  }

  private drop(): void {
    const client = this.#client;
    this.#client = this.connected = undefined;
    this.isConnected = false;
    this.health.forget();
    if (client) destroyClient(client);
    if (this.held.size > 0) void this.keepTrying();
  }
}
