import { Inject, Injectable, Optional } from '@nestjs/common';
import { SseBackplane } from '../backplane/backplane.js';
import { MemoryBackplane } from '../backplane/memory-backplane.js';
import type { SseDisconnectOptions } from '../broadcaster/kicks.js';
import { SseBroadcaster, type SsePublishOptions } from '../broadcaster/sse-broadcaster.js';
import type { SseTags } from '../broadcaster/tags.js';
import type { SseChannel, SseChannelRef, SseEventMap, SseEventOf } from '../channel/define-channel.js';
import { ConnectionRegistry } from '../connection/connection-registry.js';
import type { SseConnection } from '../connection/sse-connection.js';
import type { SseProduceOptions } from '../production/production-options.js';
import type { SseProducer, SseProduction } from '../production/production.js';
import type { SseEventInit } from '../protocol/sse-event.js';
import type { SseStoredEvent } from '../protocol/sse-stored-event.js';
import type { SseJoinOptions } from '../subscription/subscription-options.js';
import { resolveOptions, type ResolvedOptions } from '../sse.options.js';
import { broadcasterOptions, RESOLVED_OPTIONS } from '../sse.providers.js';

/**
 * A broadcaster that also records what is asked of it. It does all that a `SseBroadcaster` does, so a handler that returns
 * `subscribe()` works with it.
 *
 * - In a unit test make one: `new SseRecordingBroadcaster()`. It has channels in memory, and no connections.
 * - In an application override the provider, with `useClass`: then it has the application's connections and options.
 *
 * An event that is not valid is refused, and not recorded.
 *
 * @example
 * const broadcaster = new SseRecordingBroadcaster();
 * await new OrdersController(broadcaster).create({ total: 20 });
 * expect(broadcaster.published).toEqual([{ channel: 'orders', event: { type: 'created', data: { total: 20 } } }]);
 * @example
 * Test.createTestingModule({ imports: [AppModule] }).overrideProvider(SseBroadcaster).useClass(SseRecordingBroadcaster);
 *
 * @publicApi
 */
@Injectable()
export class SseRecordingBroadcaster extends SseBroadcaster {
  /** What `publish()` was called with. `key` is there if one was given. */
  readonly published: { readonly channel: string; readonly event: SseEventInit; readonly key?: string }[] = [];
  /** The channels that `produce()` was called with, and its options. */
  readonly produced: { readonly channel: string; readonly options: SseProduceOptions<SseChannelRef> }[] = [];
  /** The channels that `stop()` was called with. */
  readonly stopped: string[] = [];
  /** The channels that `end()` was called with. */
  readonly ended: string[] = [];
  /** What `disconnect()` was called with. A reason that is text stands as `{ reason }`. */
  readonly disconnected: {
    readonly which: ((connection: SseConnection) => boolean) | SseTags;
    readonly options: SseDisconnectOptions;
  }[] = [];
  /** What `join()` was called with. */
  readonly joined: { readonly tags: SseTags; readonly channel: string }[] = [];
  /** What `leave()` was called with. */
  readonly left: { readonly tags: SseTags; readonly channel: string }[] = [];

  constructor();
  /** @internal */
  constructor(registry?: ConnectionRegistry, options?: ResolvedOptions, backplane?: SseBackplane);
  constructor(
    @Optional() @Inject(ConnectionRegistry) registry = new ConnectionRegistry(),
    @Optional() @Inject(RESOLVED_OPTIONS) options = resolveOptions({}),
    @Optional() @Inject(SseBackplane) backplane: SseBackplane = new MemoryBackplane(),
  ) {
    super(registry, backplane, broadcasterOptions(options, registry));
  }

  override publish<Channel extends SseChannelRef>(
    channel: Channel,
    event: SseEventOf<Channel>,
    options: SsePublishOptions = {},
  ): Promise<SseStoredEvent> {
    const stored = super.publish(channel, event, options);
    this.published.push({ channel: nameOf(channel), event: event as SseEventInit, ...options });
    return stored;
  }

  override produce<Events extends SseEventMap>(
    channel: SseChannel<Events>,
    source: SseProducer | object,
    options?: SseProduceOptions<SseChannel<Events>>,
  ): Promise<SseProduction>;
  override produce<Channel extends SseChannelRef>(
    channel: Channel,
    source: SseProducer | object,
    options?: SseProduceOptions<Channel>,
  ): Promise<SseProduction>;
  override async produce(
    channel: SseChannelRef,
    source: SseProducer | object,
    options: SseProduceOptions<SseChannelRef> = {},
  ): Promise<SseProduction> {
    this.produced.push({ channel: nameOf(channel), options });
    return await super.produce(channel, source, options);
  }

  override async stop(channel: SseChannelRef): Promise<boolean> {
    this.stopped.push(nameOf(channel));
    return await super.stop(channel);
  }

  override async end(channel: SseChannelRef): Promise<void> {
    this.ended.push(nameOf(channel));
    return await super.end(channel);
  }

  override disconnect(
    which: ((connection: SseConnection) => boolean) | SseTags,
    options: string | SseDisconnectOptions = {},
  ): number {
    const count = super.disconnect(which, options);
    this.disconnected.push({ which, options: typeof options === 'string' ? { reason: options } : options });
    return count;
  }

  override async join(tags: SseTags, channel: SseChannelRef, options?: SseJoinOptions): Promise<number> {
    this.joined.push({ tags, channel: nameOf(channel) });
    return await super.join(tags, channel, options);
  }

  override async leave(tags: SseTags, channel: SseChannelRef): Promise<number> {
    this.left.push({ tags, channel: nameOf(channel) });
    return await super.leave(tags, channel);
  }
}

/** What is no channel at all is refused by the broadcaster itself. */
function nameOf(channel: SseChannelRef): string {
  return typeof channel === 'object' ? channel?.name : channel;
}
