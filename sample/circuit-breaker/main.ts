import 'reflect-metadata';
import { Body, Controller, Module, Put } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CircuitState, circuitBreaker, ConsecutiveBreaker, handleAll } from 'cockatiel';
import { Sse, SseModule, SseSignal, type SseEventInit } from 'nestjs-event-stream';
import { setTimeout as sleep } from 'node:timers/promises';

@Controller()
class PricesController {
  private isUp = true;
  private calls = 0;
  /** After three failures the upstream is left alone for two seconds. All streams share what was learnt. */
  private readonly breaker = circuitBreaker(handleAll, { breaker: new ConsecutiveBreaker(3), halfOpenAfter: 2_000 });

  /** A failure of the upstream is an event, not the end of the stream. */
  @Sse('prices')
  async *prices(@SseSignal() signal: AbortSignal): AsyncIterable<SseEventInit> {
    for (;;) {
      try {
        yield { type: 'price', data: await this.breaker.execute(() => this.price()) };
      } catch {
        yield { type: 'unavailable', data: { circuit: CircuitState[this.breaker.state], calls: this.calls } };
      }
      await sleep(500, undefined, { signal });
    }
  }

  @Put('upstream')
  change(@Body('up') up: string): void {
    this.isUp = up === 'true';
  }

  /** Stands in for another service. */
  private async price(): Promise<{ price: number; calls: number }> {
    this.calls++;
    await sleep(20);
    if (!this.isUp) throw new Error('503');
    return { price: Math.round(100 + 5 * Math.sin(this.calls)), calls: this.calls };
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [PricesController] })
class CircuitBreakerModule {}

const app = await NestFactory.create(CircuitBreakerModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
