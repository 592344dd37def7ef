import 'reflect-metadata';
import { BadGatewayException, Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { decodeEvents, LastEventId, Sse, SseModule, SseSignal, type SseEventLike } from 'nestjs-event-stream';
import { setTimeout as sleep } from 'node:timers/promises';

const { PORT = '3000' } = process.env;

@Controller()
class ProxyController {
  /** Passes on what another server says: without what is internal, and with its ids, so that a client goes on there. */
  @Sse('feed')
  async *feed(@SseSignal() signal: AbortSignal, @LastEventId() last = ''): AsyncIterable<SseEventLike> {
    const upstream = await fetch(`http://127.0.0.1:${PORT}/upstream`, { headers: { 'Last-Event-ID': last }, signal });
    if (!upstream.ok || !upstream.body) throw new BadGatewayException(`The upstream says ${upstream.status}`);
    for await (const event of decodeEvents(upstream.body)) {
      if (event.type !== 'internal') yield event;
    }
  }

  /** Stands in for the other server. */
  @Sse('upstream')
  async *upstream(@LastEventId() last = '0', @SseSignal() signal: AbortSignal): AsyncIterable<SseEventLike> {
    for (let n = Number(last) + 1; n <= 6; n++) {
      yield { type: n % 3 === 0 ? 'internal' : 'public', id: n, data: { n } };
      await sleep(300, undefined, { signal });
    }
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [ProxyController] })
class ProxyModule {}

const app = await NestFactory.create(ProxyModule);
app.enableShutdownHooks();
await app.listen(PORT);
