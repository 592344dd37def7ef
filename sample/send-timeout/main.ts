import 'reflect-metadata';
import { Controller, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseModule } from 'nestjs-event-stream';

@Controller()
class FirehoseController {
  /** More than the buffers of the kernel hold, for a client that does not read. */
  @Sse('firehose', { writeTimeoutMs: 2_000 })
  *firehose(): Iterable<string> {
    for (;;) yield 'x'.repeat(100_000);
  }
}

@Module({
  imports: [
    SseModule.forRoot({
      onClose: ({ bytesSent }, { code }) => Logger.log(`${code} after ${bytesSent} bytes`, 'Firehose'),
    }),
  ],
  controllers: [FirehoseController],
})
class SendTimeoutModule {}

const app = await NestFactory.create(SendTimeoutModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
