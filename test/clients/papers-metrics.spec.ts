import * as otel from '@opentelemetry/api';
import * as traceSdk from '@opentelemetry/sdk-trace-base';
import * as terminus from '@nestjs/terminus';
import { Controller, type Type } from '@nestjs/common';
import * as promClient from 'prom-client';
import 'reflect-metadata';
import { Sse, SseMetrics, SseModule, SseShutdownService } from '../../lib/index.js';
import { open } from '../support/client.js';
import { run } from '../support/paper-app.js';
import { paper } from '../support/papers.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

const page = 'docs/METRICS.md';

@Controller()
class Streams {
  @Sse('three/:user') three() {
    return [1, 2, 3];
  }
}

describe('docs/METRICS.md', () => {
  let running: Running | undefined;
  const serve = async (metadata: { imports?: Type[]; providers?: Type[] } = {}) => {
    const { imports = [], providers } = metadata;
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot(), ...imports],
      controllers: [Streams],
      ...(providers && { providers }),
    });
    return running;
  };
  afterEach(async () => {
    await running?.app.close();
    running = undefined;
  });

  it('has the names of all metrics, and no other', async () => {
    const { app } = await serve();
    const histogram = /_(bucket|sum|count)$/;
    const names = app
      .get(SseMetrics)
      .collect()
      .map(({ name, otelName }) => [name.replace(histogram, '_…'), otelName].join(' '));
    const rows = [...paper(page).text.matchAll(/^\| `(sse_\S+)` \| `(sse\.\S+)` \|/gm)].map(([, a, b]) => `${a} ${b}`);
    expect(rows.sort()).toEqual([...new Set(names)].sort());
  });

  it('has alarms on metrics that there are', async () => {
    const { app } = await serve();
    const names = app
      .get(SseMetrics)
      .collect()
      .map(({ name }) => name);
    const used = [...paper(page).text.matchAll(/`(sse_[a-z_]+)/g)].map(([, name = '']) => name);
    expect(used.filter((name) => !names.some((one) => one.startsWith(name)))).toEqual([]);
  });

  it('exports to Prometheus, as often as it asks', async () => {
    const { scrape } = run(page, 'prom-client', { 'prom-client': { ...promClient } }) as {
      scrape: (metrics: SseMetrics) => Promise<string>;
    };
    const { app } = await serve();
    const metrics = app.get(SseMetrics);
    await scrape(metrics);
    await (await open(running!, '/three/ada')).rest();
    await until(() => metrics.read().routes[0]?.open === 0);
    for (let i = 0; i < 2; i++) {
      const text = await scrape(metrics);
      expect(text).toContain('# TYPE sse_connections_open gauge\nsse_connections_open{route="/three/:user"} 0\n');
      expect(text).toContain('sse_connections_closed_total{route="/three/:user",code="source_completed"} 1\n');
      expect(text).toContain('sse_time_to_first_event_seconds_bucket{route="/three/:user",le="+Inf"} 1\n');
      expect(text).toContain('sse_backplane_up 1\n');
    }
  });

  it('leaves the long spans of streams out, and no other', async () => {
    const { WithoutStreams } = run(page, 'class WithoutStreams', {
      '@opentelemetry/api': { ...otel },
      '@opentelemetry/sdk-trace-base': { ...traceSdk },
    }) as { WithoutStreams: typeof traceSdk.BatchSpanProcessor };
    const exporter = new traceSdk.InMemorySpanExporter();
    const provider = new traceSdk.BasicTracerProvider({ spanProcessors: [new WithoutStreams(exporter)] });
    const tracer = provider.getTracer('http');
    const kind = otel.SpanKind.SERVER;
    tracer.startSpan('stream', { kind, attributes: { 'url.path': '/feed' } }).end();
    tracer.startSpan('page', { kind, attributes: { 'url.path': '/' } }).end();
    tracer.startSpan('sse open', { attributes: { 'http.route': '/feed' } }).end();
    await provider.forceFlush();
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['page', 'sse open']);
    await provider.shutdown();
  });

  it('has an indicator of health that is up, and down while the application closes', async () => {
    const { StreamsHealth } = run(page, 'class StreamsHealth', { '@nestjs/terminus': { ...terminus } }) as {
      StreamsHealth: Type<{ check(): object }>;
    };
    const { app } = await serve({ imports: [terminus.TerminusModule], providers: [StreamsHealth] });
    const health = app.get(StreamsHealth);
    expect(health.check()).toEqual({ streams: { status: 'up' } });
    await app.get(SseShutdownService).shutdown();
    expect(health.check()).toMatchObject({ streams: { status: 'down', isDraining: true } });
  });
});
