import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseEvent, SseModule, SseStream } from 'nestjs-event-stream';

@Controller()
class EventsController {
  /** An SseEvent is checked where it is made. A plain object with the same fields is checked when it is sent. */
  @Sse('events')
  *events(): Iterable<SseEvent> {
    yield SseEvent.comment('people see this in curl, listeners do not');
    yield SseEvent.data('text is sent as it is');
    yield SseEvent.data({ total: 19.9 });
    yield SseEvent.data('roses are red\nviolets are blue');
    yield SseEvent.withType('created', { total: 20 });
    yield SseEvent.withType('bell');
    yield new SseEvent({ total: 21 }, { type: 'created', id: 'order-7' });
    yield new SseEvent(undefined, { retry: 5_000 });
  }

  /** A list that is known at once. */
  @Sse('list')
  list(): SseStream {
    return new SseStream(['zero'])
      .add({ retry: 5_000 })
      .addEvent('welcome', { name: 'Ada' }, { id: 1 })
      .addData('two\nlines');
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [EventsController] })
class EventsModule {}

const app = await NestFactory.create(EventsModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
