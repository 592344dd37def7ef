/**
 * What `createClient()` and `createCluster()` of the package `redis` (5 or later) return, as far as it matters here.
 *
 * A structure and not the package's own type, so that the types of this library do not depend on an optional peer, and
 * a client with any modules, scripts or type mapping fits.
 *
 * @publicApi
 */
export interface SseRedisClient {
  duplicate(): unknown;
  connect(): Promise<unknown>;
  sendCommand(...args: never[]): Promise<unknown>;
  destroy(): void;
}

/**
 * What is used of a client.
 *
 * @internal
 */
export interface SingleClient {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly options?: { readonly socket?: object | undefined } | undefined;
  duplicate(overrides?: { socket?: object }): unknown;
  connect(): Promise<unknown>;
  destroy(): void;
  sendCommand(args: string[], options?: object): Promise<unknown>;
  sSubscribe(channel: string, listener: (message: string, channel: string) => unknown): Promise<void>;
  sUnsubscribe(channel: string): Promise<void>;
  on(event: string, listener: (...args: never[]) => void): unknown;
}

/**
 * What is used of a cluster client.
 *
 * @internal
 */
export interface ClusterClient {
  readonly isOpen: boolean;
  readonly slots: readonly ({ readonly master: ClusterNode } | undefined)[];
  duplicate(overrides?: { minimizeConnections?: boolean }): unknown;
  connect(): Promise<unknown>;
  destroy(): void;
  sendCommand(firstKey: string, isReadonly: boolean, args: string[], options?: object): Promise<unknown>;
  nodeClient(node: object): unknown;
  on(event: string, listener: (...args: never[]) => void): unknown;
}

/** @internal */
export interface ClusterNode {
  readonly address: string;
  /** Connecting or connected; made anew when there is none. */
  client?: SingleClient | undefined;
}

/** @internal */
export function isCluster(client: SingleClient | ClusterClient): client is ClusterClient {
  return 'slots' in client && 'nodeClient' in client;
}
