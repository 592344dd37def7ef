import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import { Sse, SseConnections, SseModule } from '../../../lib/index.js';
import { serve } from '../../support/child-app.js';

let produced = 0;

@Controller()
class Numbers {
  /** Each event has 100 bytes on the wire. */
  @Sse('numbers')
  *numbers(@Query('count') count: string) {
    for (produced = 0; produced < Number(count);) yield { data: String(produced++).padStart(92, '.') };
  }
}

await serve(
  { imports: [SseModule.forRoot({ ping: false, writeTimeoutMs: false })], controllers: [Numbers] },
  {
    produced: () => produced,
    buffered: (_, app) => Math.max(0, ...[...app.get(SseConnections)].map(({ bufferedBytes }) => bufferedBytes)),
  },
);
