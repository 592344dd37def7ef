import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import type { Connection } from '../../../lib/connection/connection.js';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseConnections, SseModule } from '../../../lib/index.js';
import { serve } from '../../support/child-app.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('reads') reads: string, @SseClient() client: SseConnection) {
    client.context.reads = reads;
    return this.broadcaster.subscribe('a');
  }
}

await serve(
  {
    imports: [SseModule.forRoot({ ping: false, writeTimeoutMs: false, history: { maxBytes: 4_194_304 } })],
    controllers: [Feeds],
  },
  {
    /** Publishes so many events of so many bytes in one turn of the event loop. */
    burst: ({ events, bytes }: { events: number; bytes: number }, app) => {
      const broadcaster = app.get(SseBroadcaster);
      for (let n = 0; n < events; n++) void broadcaster.publish('a', 'x'.repeat(bytes));
    },
    /** How many connections of clients that do not read there are, and how many of them have no room. */
    full: (_, app) => {
      const all = [...app.get(SseConnections)].filter(
        ({ context }) => context.reads === 'no',
      ) as unknown as Connection[];
      return { open: all.length, full: all.filter(({ isWritable }) => !isWritable).length };
    },
  },
);
