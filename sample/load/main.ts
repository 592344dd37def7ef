import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseBroadcaster, SseConnections, SseModule, type SseSubscription } from 'nestjs-event-stream';
import { simulateClients } from './clients.js';

const { PORT = '3000', CLIENTS = '500', EVENTS = '100' } = process.env;

@Controller()
class LoadController {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('load')
  load(): SseSubscription {
    return this.broadcaster.subscribe('load');
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [LoadController] })
class LoadModule {}

const app = await NestFactory.create(LoadModule, { logger: ['warn', 'error'] });
app.enableShutdownHooks();
await app.listen(PORT);

const clients = await simulateClients(`http://127.0.0.1:${PORT}/load`, Number(CLIENTS));
console.log(`${app.get(SseConnections).size} streams are open. Each gets ${EVENTS} events.`);
const startedAt = performance.now();
for (let n = 1; n <= Number(EVENTS); n++) {
  await app.get(SseBroadcaster).publish('load', { data: n });
  await clients.haveReceived(n);
  const total = n * Number(CLIENTS);
  const bar = '█'.repeat((40 * n) / Number(EVENTS)).padEnd(40, '░');
  const perSecond = Math.round(total / ((performance.now() - startedAt) / 1_000));
  process.stdout.write(`\r${bar} ${total} delivered, ${perSecond} a second, ${clients.wrong} wrong`);
}
process.stdout.write('\n');
clients.leave();
await app.close();
