import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { SseModule } from 'nestjs-event-stream';
import { fileURLToPath } from 'node:url';
import { CHANNEL_RULES, ChannelsController, ServerLog } from './channels.controller.js';
import { DemoController } from './demo.controller.js';

@Module({
  imports: [
    SseModule.forRoot({
      // Pages find back soon when you restart the demo; in production the defaults spread them over ten seconds.
      retryMs: 1_000,
      shutdown: { retryMs: { min: 500, max: 1_500 } },
      channels: CHANNEL_RULES,
    }),
  ],
  controllers: [DemoController, ChannelsController],
  providers: [ServerLog],
})
class DemoModule {}

const app = await NestFactory.create<NestExpressApplication>(DemoModule, { bufferLogs: true });
const log = app.get(ServerLog);
app.useLogger(log);
app.enableCors();
app.enableShutdownHooks();
app.use((request: Request, response: Response, next: NextFunction) => {
  const startedAt = performance.now();
  // Now, and without the query: positions of four channels are no pleasure to read.
  const { path } = request;
  response.once('close', () => {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(2);
    log.log(`${request.method} ${path} ${response.statusCode}, ${seconds} s`, 'Request');
  });
  next();
});
app.useStaticAssets(fileURLToPath(new URL('./public', import.meta.url)));
await app.listen(process.env.PORT ?? 3000);

const url = `http://localhost:${new URL(await app.getUrl()).port}`;
const endpoints = [
  ['GET /numbers', 'five numbers that end'],
  ['GET /counter', 'an endless counter'],
  ['GET /named', 'welcome, update, notification'],
  ['GET /stocks', 'a stock ticker'],
  ['GET /progress', 'a long task'],
  ['POST /tokens', 'an answer, token by token', `-d 'prompt=Why streams?' `],
  ['GET /live', 'a ticker and three rooms'],
  ['POST /rooms/lobby', 'a word in one of the rooms', `-d 'name=curl&text=hello' `],
  ['POST /cut', 'cuts all of /live for a second', `-d 'seconds=1' `],
  ['GET /wire', 'a frame of every kind'],
  ['GET /log', 'the server log'],
  ['GET /large-response', '300 rows as plain JSON'],
  ['GET /large-stream', 'the same rows, one by one'],
] as const;
process.stdout.write(`\nOpen ${url} in a browser, or:\n\n`);
for (const [route, what, options = ''] of endpoints) {
  process.stdout.write(`  ${route.padEnd(20)}  ${what.padEnd(29)}  curl -N ${options}${url}${route.split(' ')[1]}\n`);
}
process.stdout.write('\n');

/** For the test that drives the page in a browser. */
export { app, url };
