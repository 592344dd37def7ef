import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { DataPointType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import 'reflect-metadata';
import { Controller, type INestApplication } from '@nestjs/common';
import { NEVER } from 'rxjs';
import { Observers } from '../../lib/connection/observers.js';
import { Sse, SseBroadcaster, SseMetrics, SseModule, type SseModuleOptions } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start } from '../support/platforms.js';
import { until } from '../support/until.js';

@Controller()
class Streams {
  @Sse('three/:user') three() {
    return [1, 2, 3];
  }
  @Sse('never') never() {
    return NEVER;
  }
}

class Reader extends MetricReader {
  protected onForceFlush = () => Promise.resolve();
  protected onShutdown = () => Promise.resolve();
}

describe.each(platforms)('OpenTelemetry on $name', (platform) => {
  const serve = (openTelemetry: SseModuleOptions['openTelemetry'], configure?: (app: INestApplication) => void) =>
    start(
      platform,
      { imports: [SseModule.forRoot({ ping: false, openTelemetry })], controllers: [Streams] },
      configure,
    );

  it('gets all metrics when it collects, and nothing more once the application is closed', async () => {
    const reader = new Reader();
    const provider = new MeterProvider({ readers: [reader] });
    const running = await serve({ meter: provider.getMeter('streams') });
    const client = await open(running, '/never');
    await (await open(running, '/three/ada')).rest();
    await running.app.get(SseBroadcaster).publish('news', 'a');
    await until(() =>
      running.app
        .get(SseMetrics)
        .read()
        .routes.some(({ closed }) => closed.source_completed === 1),
    );

    const collected = async () => {
      const { resourceMetrics, errors } = await reader.collect();
      expect(errors).toEqual([]);
      return new Map(
        resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics).map((one) => [one.descriptor.name, one]),
      );
    };
    const metrics = await collected();
    const points = (name: string) =>
      metrics.get(`sse.server.${name}`)?.dataPoints.map(({ attributes, value }) => [attributes, value]);
    expect(points('connections.open')).toEqual([
      [{ 'http.route': '/never' }, 1],
      [{ 'http.route': '/three/:user' }, 0],
    ]);
    expect(points('connections.closed')).toEqual([
      [{ 'http.route': '/three/:user', 'sse.close.code': 'source_completed' }, 1],
    ]);
    expect(points('events.published')).toEqual([[{}, 1]]);
    const first = metrics.get('sse.server.time_to_first_event');
    expect(first?.descriptor.unit).toBe('s');
    expect(first?.dataPointType).toBe(DataPointType.HISTOGRAM);
    expect(first?.dataPoints).toMatchObject([{ attributes: { 'http.route': '/three/:user' }, value: { count: 1 } }]);
    expect(points('publish.duration')).toMatchObject([[{}, { count: 1 }]]);
    // Each that `collect()` has is there.
    const names = new Set(
      running.app
        .get(SseMetrics)
        .collect()
        .map(({ otelName }) => otelName),
    );
    const withPoints = [...metrics.keys()];
    expect(withPoints.filter((name) => !names.has(name))).toEqual([]);
    client.leave();
    await running.app.close();
    const last = (await collected()).get('sse.server.connections.open');
    expect(last?.dataPoints.map(({ value }) => value)).toEqual([0, 0]);
    const collect = jest.spyOn(running.app.get(SseMetrics), 'collect');
    await collected();
    expect(collect).not.toHaveBeenCalled();
    await provider.shutdown();
  });

  it('gets a short span for an opening, within that of the request, and one for the end that links to it', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const tracer = provider.getTracer('streams');
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const requests: ReturnType<typeof tracer.startSpan>[] = [];
    const running = await serve({ tracer }, (app) => {
      // As an instrumentation of HTTP does.
      app.use((_request: unknown, _response: unknown, next: () => void) => {
        const span = tracer.startSpan('GET');
        requests.push(span);
        context.with(trace.setSpan(context.active(), span), next);
      });
    });
    try {
      const client = await open(running, '/never');
      await until(() => exporter.getFinishedSpans().length === 1);
      const [opening] = exporter.getFinishedSpans();
      expect(opening).toMatchObject({ name: 'sse open /never', attributes: { 'http.route': '/never' } });
      expect(opening?.parentSpanContext?.spanId).toBe(requests[0]?.spanContext().spanId);
      client.leave();
      await until(() => exporter.getFinishedSpans().length === 2);
      const closing = exporter.getFinishedSpans()[1];
      expect(closing).toMatchObject({
        name: 'sse close /never',
        attributes: { 'http.route': '/never', 'sse.close.code': 'client_left', 'sse.events.sent': 0 },
      });
      expect(closing?.parentSpanContext).toBeUndefined();
      expect(closing?.links.map(({ context: { spanId } }) => spanId)).toEqual([opening?.spanContext().spanId]);
    } finally {
      await running.app.close();
      await provider.shutdown();
      context.disable();
    }
  });

  it('adds no listener when it is off', async () => {
    const add = jest.spyOn(Observers.prototype, 'add');
    const off = await serve(undefined);
    const withoutIt = add.mock.calls.length;
    await off.app.close();
    add.mockClear();
    const provider = new MeterProvider();
    const on = await serve({ meter: provider.getMeter('streams') });
    expect(add.mock.calls.length).toBe(withoutIt + 1);
    await on.app.close();
    add.mockRestore();
  });
});

it.each([[{ meter: {} }], [{ tracer: 'x' }], [{ metre: 1 }], [7]])(
  'the option openTelemetry is refused when it is %j',
  async (openTelemetry) => {
    const running = start(platforms[0]!, { imports: [SseModule.forRoot({ openTelemetry: openTelemetry as never })] });
    await expect(running).rejects.toMatchObject({
      code: 'SSE_INVALID_OPTION',
      message: expect.stringContaining('openTelemetry'),
    });
  },
);
