import 'reflect-metadata';
import { Controller, Injectable, UseGuards, type CanActivate } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { interval } from 'rxjs';
import { Sse, SseBroadcaster, SseModule, SseSignal } from '../../../lib/index.js';
import { serve } from '../../support/child-app.js';

let running = 0;

@Injectable()
class SlowGuard implements CanActivate {
  async canActivate(): Promise<boolean> {
    await delay(3);
    return true;
  }
}

@Controller()
class Visited {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('guarded')
  @UseGuards(SlowGuard)
  guarded() {
    return interval(2);
  }

  @Sse('handler')
  async handler() {
    await delay(3);
    return this.ticks();
  }

  @Sse('setup', { commit: 'firstEvent' })
  setup(@SseSignal() signal: AbortSignal) {
    return this.ticks(3, signal);
  }

  @Sse('stream')
  stream() {
    return this.ticks(1);
  }

  @Sse('channel')
  channel() {
    return this.broadcaster.subscribe(['a', 'b']);
  }

  @Sse('live')
  live() {
    return this.broadcaster.subscribe('a');
  }

  private async *ticks(everyMs = 2, signal?: AbortSignal) {
    running++;
    try {
      for (let n = 0; ; n++) {
        await delay(everyMs, undefined, { signal });
        yield n;
      }
    } finally {
      running--;
    }
  }
}

await serve(
  { imports: [SseModule.forRoot({ history: { maxAgeMs: 0 }, ping: { intervalMs: 200 } })], controllers: [Visited] },
  {
    running: () => running,
    publish: (_, app) => app.get(SseBroadcaster).publish('a', 'news'),
    subscribers: (_, app) => app.get(SseBroadcaster).subscribers('a'),
  },
  (app) => app.enableShutdownHooks(),
);
