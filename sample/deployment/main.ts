import 'reflect-metadata';
import { Controller, Module, Param, ParseIntPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Sse, SseModule, SseSignal, type SseEventInit } from 'nestjs-event-stream';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const STEPS = ['Checking out', 'Building', 'Testing', 'Pushing the image', 'Rolling out'];

@Controller('deployments')
class DeploymentsController {
  /** The parameter is checked before the stream begins: a bad one is a 400 with JSON. */
  @Sse(':id')
  async *watch(@Param('id', ParseIntPipe) id: number, @SseSignal() signal: AbortSignal): AsyncIterable<SseEventInit> {
    for (const [done, step] of STEPS.entries()) {
      yield { type: 'step', data: { id, step, percent: (100 * done) / STEPS.length } };
      await sleep(600, undefined, { signal });
    }
    // The page closes its EventSource on this event. Otherwise the browser would come back.
    yield { type: 'done', data: { id, percent: 100 } };
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [DeploymentsController] })
class DeploymentModule {}

const app = await NestFactory.create<NestExpressApplication>(DeploymentModule);
app.useStaticAssets(join(import.meta.dirname, 'public'));
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
