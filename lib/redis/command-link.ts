import { deadline, within } from './deadline.js';
import { discard } from './discard.js';
import { hashSlot } from './hash-slot.js';
import { type ClusterClient, isCluster, type SingleClient } from './redis-client.js';
import type { SseRedisOptions } from './redis-backplane-options.js';
import { closed, unavailable } from './unavailable.js';

type AnyClient = SingleClient | ClusterClient;

/** A client that gave up, or a cluster that can not be discovered, is replaced this long after the last attempt. */
const REPLACE_AFTER_MS = 500;

/** Error answers of a server that is not the one to talk to, or not yet: the next connection may find another. */
const WRONG_SERVER = /^(READONLY|MASTERDOWN)\b/;

/**
 * The connection that commands go by: one for a server, one for each shard of a cluster.
 *
 * node-redis reconnects by itself and holds commands back meanwhile. What is added here is that every command has an
 * outcome within bounded time, that so many wait and no more, and that a connection which owes an answer and is silent
 * (half-open: the peer is gone and no packet says so) is replaced instead of waited for.
 *
 * @internal
 */
export class CommandLink {
  /** Commands that wait for an answer. */
  pending = 0;
  /** The last failure, until a command succeeds again. */
  failure: Error | undefined;
  private client: AnyClient | undefined;
  /** Settles when the client takes commands; a cluster has to be discovered first. */
  private connected: Promise<unknown> | undefined;
  private isConnected = false;
  private replacedAt = -Infinity;
  /** When a server answered last, by its address; `''` for a single one. */
  private readonly answeredAt = new Map<string, number>();
  /** Shards whose connection was replaced, and that have not answered since. */
  private readonly suspected = new Set<string>();
  private isClosed = false;
  private onIdle: () => void = () => undefined;

  constructor(
    private readonly make: () => AnyClient | Promise<AnyClient>,
    private readonly options: Pick<SseRedisOptions, 'publishTimeoutMs' | 'maxPending'>,
  ) {}

  /** The cluster client, once it knows its shards. */
  get cluster(): ClusterClient | undefined {
    const { client } = this;
    // Version 5 has no `isReady` for clusters.
    return client && isCluster(client) && this.isConnected && client.isOpen ? client : undefined;
  }

  get isReady(): boolean {
    const { client } = this;
    return client !== undefined && (isCluster(client) ? this.cluster === client : client.isReady);
  }

  /**
   * Sends a command to the server that has `key`. Commands with the same key are sent in the order of the calls.
   *
   * @throws {SseError} `SSE_BACKPLANE_UNAVAILABLE` | `SSE_CLOSED`; an error answer is the cause
   */
  send(key: string, args: string[]): Promise<unknown> {
    if (this.isClosed) return Promise.reject(closed());
    if (this.pending >= this.options.maxPending) {
      return Promise.reject(unavailable(`${this.pending} commands wait already (maxPending)`, 'not sent'));
    }
    this.pending++;
    return new Promise((resolve, reject) => {
      const { publishTimeoutMs } = this.options;
      const sentAt = performance.now();
      let client: AnyClient | undefined;
      let isSettled = false;
      const settle = (): boolean => {
        if (isSettled) return false;
        isSettled = true;
        stopTimer();
        if (--this.pending === 0) this.onIdle();
        return true;
      };
      const fail = (error: Error): void => {
        if (!settle()) return;
        this.failure = error;
        reject(error);
      };
      // A little after node-redis's own timeout, which withdraws a command that it has not sent: then the outcome is known.
      const stopTimer = deadline(publishTimeoutMs + 20, () => {
        fail(unavailable(`no answer within ${publishTimeoutMs} ms`, client ? 'unknown' : 'not sent'));
        if (client) this.suspect(client, key, sentAt);
      });
      const dispatch = (ready: AnyClient): void => {
        if (isSettled) return;
        client = ready;
        this.dispatch(ready, key, args).then(
          (answer) => {
            this.answered(ready, key);
            if (!settle()) return;
            this.failure = undefined;
            resolve(answer);
          },
          (error: unknown) => {
            const failure = this.explain(error);
            if (failure.isAnswer) this.answered(ready, key);
            fail(failure.error);
            if (!ready.isOpen || failure.isWrongServer) this.replace(ready);
          },
        );
      };
      // Not awaited when it need not be: an `await` would let a later call overtake.
      if (this.isConnected && this.client?.isOpen) dispatch(this.client);
      else {
        this.connect().then(
          () => this.client && dispatch(this.client),
          (error: unknown) => fail(unavailable('no connection', 'not sent', error)),
        );
      }
    });
  }

  /** The client for `key`'s server, to be duplicated. */
  async nodeFor(key: string): Promise<SingleClient> {
    await this.connect();
    const { client } = this;
    if (!client) throw closed();
    if (!isCluster(client)) return client;
    const shard = client.slots[hashSlot(key)];
    if (!shard) throw unavailable('no shard has this slot', 'not sent');
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

  private connect(): Promise<unknown> {
    if (this.isClosed) return Promise.reject(closed());
    if (this.client && !this.client.isOpen && this.isConnected) this.drop();
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
    if (this.isClosed) return;
    this.client = client;
    // Without a listener the first lost connection would end the process. What it means shows in the commands.
    client.on('error', () => undefined);
    const connecting = client.connect();
    // Discovery waits for ever for a shard that accepts the connection and says nothing.
    if (isCluster(client)) await within(this.options.publishTimeoutMs, connecting);
    // A single client holds commands back until it is connected, and gives up only if its strategy says so.
    else connecting.catch(() => undefined);
    if (this.client === client) this.isConnected = true;
  }

  private dispatch(client: AnyClient, key: string, args: string[]): Promise<unknown> {
    // A command that can be written now is: what has a timeout costs an AbortSignal.
    const timeout = !isCluster(client) && client.isReady ? undefined : this.options.publishTimeoutMs;
    const options = { timeout, typeMapping: {} };
    return isCluster(client) ? client.sendCommand(key, false, args, options) : client.sendCommand(args, options);
  }

  private explain(error: unknown): { error: Error; isAnswer: boolean; isWrongServer: boolean } {
    const name = error instanceof Error ? error.constructor.name : '';
    const message = error instanceof Error ? error.message : String(error);
    if (/Reply$|ErrorReply/.test(name) || /^[A-Z]{2,}[A-Z]* /.test(message)) {
      const refused = unavailable('an error answer', 'refused', error);
      return { error: refused, isAnswer: true, isWrongServer: WRONG_SERVER.test(message) };
    }
    const isUnsent = name === 'TimeoutError' || name === 'ClientOfflineError' || name === 'ClientClosedError';
    return {
      error: unavailable('the connection failed', isUnsent ? 'not sent' : 'unknown', error),
      isAnswer: false,
      isWrongServer: false,
    };
  }

  private answered(client: AnyClient, key: string): void {
    if (client !== this.client) return;
    const address = this.addressOf(key);
    this.answeredAt.set(address, performance.now());
    this.suspected.delete(address);
  }

  /** A command was not answered. If nothing else was since it was sent, the connection is dead. */
  private suspect(client: AnyClient, key: string, sentAt: number): void {
    const address = this.addressOf(key);
    if (client !== this.client || (this.answeredAt.get(address) ?? -Infinity) >= sentAt) return;
    const shard = isCluster(client) ? client.slots[hashSlot(key)] : undefined;
    // The other shards go on. If a new connection does not help, the cluster is discovered anew: it may have changed.
    if (!shard?.master.client || this.suspected.has(address)) return this.replace(client);
    this.suspected.add(address);
    const dead = shard.master.client;
    shard.master.client = undefined;
    discard(dead);
  }

  private replace(client: AnyClient): void {
    if (client === this.client) this.drop();
  }

  private drop(): void {
    const { client } = this;
    this.client = this.connected = undefined;
    this.isConnected = false;
    this.answeredAt.clear();
    this.suspected.clear();
    if (client) discard(client);
  }
}
