// Checked by `npm run typecheck`, never run: each line after a directive must fail to compile.
import { defineChannel, type SseBroadcaster } from '../../lib/index.js';

declare const broadcaster: SseBroadcaster;

const orders = defineChannel<{ created: { id: string; total: number }; cancelled: { id: string } }>('orders');

void broadcaster.publish(orders, { type: 'created', data: { id: '1', total: 2 } });
void broadcaster.publish(orders, { type: 'cancelled', data: { id: '1' }, retry: 1_000 });
void broadcaster.subscribe(orders);
void broadcaster.subscribe([orders, 'user.7']);
void broadcaster.publish('free', { data: 1 });

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
// @ts-expect-error no channel
void broadcaster.subscribe([orders, 7]);
