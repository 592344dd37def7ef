// Checked by `npm run typecheck`, never run: each line after a directive must fail to compile.
import type { SseChannelRef } from '../../lib/channel/define-channel.js';
import { defineChannel, type SseBroadcaster, type SseStoredEvent } from '../../lib/index.js';

declare const broadcaster: SseBroadcaster;

const orders = defineChannel<{ created: { id: string; total: number }; cancelled: { id: string } }>('orders');

interface UserEvents {
  joined: { name: string };
  left: undefined;
}
/** An interface has no index signature, and needs none. */
const users = defineChannel<UserEvents>('users');

void broadcaster.publish(orders, { type: 'created', data: { id: '1', total: 2 } });
void broadcaster.publish(orders, { type: 'cancelled', data: { id: '1' }, retry: 1_000 });
void broadcaster.publish(users, { type: 'joined', data: { name: 'Ann' } });
void broadcaster.subscribe(orders);
void broadcaster.subscribe([orders, 'user.7']);
void broadcaster.publish('free', { data: 1 });
void broadcaster.publish('free', 'text');
void broadcaster.publish(orders, { type: 'created', data: { id: '1', total: 2 } }, { key: 'order-1' });
void broadcaster.subscribe(orders, { filter: ({ type, data }) => type === 'created' && data.includes('7') });
void broadcaster.history(orders).then((events) => events.map(({ id, type, data }) => [id, type.length, data.length]));
void broadcaster.history('free').then((events) => events.map(({ id, type, data }) => [id, type?.length, data?.length]));
void broadcaster.produce(orders, ['text']).then((production) => production.stop());
void broadcaster.exists(orders).then((exists) => exists && broadcaster.subscribers(orders) > 0);

// A channel that is known when the program runs only takes what any channel takes.
declare const someChannel: string;
declare const anyOfThem: SseChannelRef;
void broadcaster.publish(someChannel, { type: 'deleted', data: 1 });
void broadcaster.subscribe(anyOfThem, { snapshot: () => 'state', filter: ({ type }) => type === 'anything' });

// Snapshots of a typed channel are its events; beside a channel of any events they are any.
void broadcaster.subscribe(orders, { snapshot: () => ({ type: 'created', data: { id: '1', total: 2 } }) });
void broadcaster.subscribe(orders, {
  snapshot: {
    load: async () => Promise.resolve({ type: 'cancelled' as const, data: { id: '1' } }),
    key: '',
    shareForMs: 1_000,
  },
});
void broadcaster.subscribe([orders, users], { filter: ({ type }) => type === 'created' || type === 'left' });
void broadcaster.subscribe([orders, 'user.7'], { snapshot: () => ({ type: 'state', data: [] }) });
// What else is in the store can be looked at by saying so.
void broadcaster.subscribe(orders, { filter: ({ type }: SseStoredEvent) => type !== 'error' });

// What a client is told of a gap or a failure is one of the channel's events, too; elsewhere any.
void broadcaster.subscribe(orders, { gapEvent: ({ reason }) => ({ type: 'cancelled', data: { id: reason } }) });
void broadcaster.subscribe(orders, { gapEvent: null });
void broadcaster.subscribe([orders, users], {
  gapEvent: ({ channels: [name] }) => (name ? null : { type: 'left' as const, data: undefined }),
});
void broadcaster.subscribe('free', {
  gapEvent: ({ channels, reason }) => ({ type: 'lost', data: { channels, reason } }),
});
void broadcaster.produce(orders, [], { errorEvent: () => ({ type: 'cancelled', data: { id: '1' } }) });
void broadcaster.produce('free', [], { errorEvent: (error, isText) => (isText ? null : { data: { error } }) });

// What a client gets of an event may be anything: it is of the client's protocol.
void broadcaster.subscribe(orders, { map: ({ id, type, data }) => ({ data: { jsonrpc: '2.0', id, type, data } }) });
void broadcaster.subscribe(orders, { map: ({ type, data }) => (type === 'created' ? data : type) });

// Hooks may return anything, and be asynchronous: what `Set.add()` returns is no mistake.
const online = new Set<string>();
void broadcaster.subscribe(orders, {
  onSubscribe: ({ id }) => online.add(id),
  onUnsubscribe: async ({ id }) => Promise.resolve(online.delete(id)),
});

// @ts-expect-error a type that the channel does not have
void broadcaster.publish(orders, { type: 'deleted', data: { id: '1' } });
// @ts-expect-error the data of another type
void broadcaster.publish(orders, { type: 'created', data: { id: '1' } });
// @ts-expect-error no type
void broadcaster.publish(orders, { data: { id: '1' } });
// @ts-expect-error the channel gives ids
void broadcaster.publish(orders, { type: 'cancelled', data: { id: '1' }, id: '7' });
// @ts-expect-error no data
void broadcaster.publish(orders, { type: 'cancelled' });
// @ts-expect-error an event without its channel's wrapping
void broadcaster.publish(orders, { id: '1', total: 2 });
// @ts-expect-error data that is more than the type says, as a literal
void broadcaster.publish(orders, { type: 'cancelled', data: { id: '1', total: 2 } });
// @ts-expect-error text is no event of this channel
void broadcaster.publish(orders, 'created');
// @ts-expect-error a type that the interface does not have
void broadcaster.publish(users, { type: 'created', data: { name: 'Ann' } });
// @ts-expect-error what is stored is text: it is not parsed for filters
void broadcaster.subscribe(orders, { filter: ({ data }) => data.total > 1 });
// @ts-expect-error a filter that looks for a type that never comes
void broadcaster.subscribe(orders, { filter: ({ type }) => type === 'creatd' });
// @ts-expect-error a snapshot that is no event of the channel
void broadcaster.subscribe(orders, { snapshot: () => ({ type: 'state', data: [] }) });
// @ts-expect-error nor is one that is shared
void broadcaster.subscribe(orders, { snapshot: { load: () => ({ type: 'created', data: {} }) } });
// @ts-expect-error history of a type that the channel does not have
void broadcaster.history(orders).then(([first]) => first?.type === 'deleted');
// @ts-expect-error a filter that answers later would let everything through
void broadcaster.subscribe(orders, { filter: () => Promise.resolve(false) });
// @ts-expect-error a gap that is no event of the channel
void broadcaster.subscribe(orders, { gapEvent: () => ({ type: 'gap', data: {} }) });
// @ts-expect-error a reason that there is not
void broadcaster.subscribe(orders, { gapEvent: ({ reason }) => (reason === 'lost' ? null : null) });
// @ts-expect-error a failure that is no event of the channel
void broadcaster.produce(orders, [], { errorEvent: () => ({ type: 'error', data: {} }) });
// @ts-expect-error a type that the channel does not have
void broadcaster.subscribe(orders, { map: ({ type }) => (type === 'deleted' ? '' : type) });
// @ts-expect-error what is made later cannot be sent in order
void broadcaster.subscribe(orders, { map: async ({ data }) => Promise.resolve(data) });
// @ts-expect-error no channel
void broadcaster.subscribe([orders, 7]);
