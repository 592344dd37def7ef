import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Sse, SseConnections, SseModule, type SseEventInit } from 'nestjs-event-stream';
import { join } from 'node:path';
import { concat, interval, map, of, share, type Observable } from 'rxjs';

const CONFIG = {
  everyMs: 500,
  charts: [
    { key: 'memory', title: 'Memory', unit: 'MB' },
    { key: 'cpu', title: 'CPU', unit: 'ms/s' },
    { key: 'clients', title: 'Clients', unit: '' },
  ],
};

@Controller()
class DashboardController {
  private spent = process.cpuUsage();

  constructor(private readonly connections: SseConnections) {}

  /** Measured once for all who watch. Nothing is measured while nobody does. */
  private readonly metrics = interval(CONFIG.everyMs).pipe(
    map(() => this.measure()),
    share(),
  );

  /** First how to draw the metrics, then the metrics. */
  @Sse('metrics')
  watch(): Observable<SseEventInit> {
    return concat(of({ type: 'config', data: CONFIG }), this.metrics);
  }

  private measure(): SseEventInit {
    const { user, system } = process.cpuUsage(this.spent);
    this.spent = process.cpuUsage();
    return {
      type: 'metrics',
      data: {
        memory: Math.round(process.memoryUsage.rss() / 1e6),
        cpu: Math.round((user + system) / CONFIG.everyMs),
        clients: this.connections.size,
      },
    };
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [DashboardController] })
class DashboardModule {}

const app = await NestFactory.create<NestExpressApplication>(DashboardModule);
app.useStaticAssets(join(import.meta.dirname, 'public'));
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
