// Each of these must not compile. compiler.spec.ts reads what the compiler says of them, line by line.
import { defineChannel, Sse, type SseBroadcaster } from 'nestjs-event-stream';

interface OrderEvents {
  created: { id: string; total: number };
  cancelled: { id: string };
}

declare const broadcaster: SseBroadcaster;
const orders = defineChannel<OrderEvents>('orders');

void broadcaster.publish(orders, { type: 'deleted', data: { id: '1' } });
void broadcaster.publish(orders, { type: 'created', data: { id: '1' } });

export class NumberController {
  @Sse() number(): number {
    return 5;
  }
}
