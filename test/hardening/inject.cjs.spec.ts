import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Connection } from '../../lib/connection/connection.js';
import { Sse, SseClient, SseConnections, SseModule } from '../../lib/index.js';
import { platforms, start } from '../support/platforms.js';

const writers: string[] = [];

@Controller()
class Streams {
  @Sse('two')
  async *two(@SseClient() connection: Connection) {
    yield 'one';
    writers.push((connection as unknown as { writer: object }).writer.constructor.name);
    yield 'two';
  }
}

// In CommonJS: what fastify.inject() is made of requires an ESM package, which jest's ESM runtime on Node 20 cannot.
it('an injected request, whose socket is a pretended one, is written with res.write', async () => {
  const { app } = await start(platforms[1]!, { imports: [SseModule.forRoot()], controllers: [Streams] });
  const { body, headers } = await (app as NestFastifyApplication).inject('/two');
  expect(body).toBe('data: one\n\ndata: two\n\n');
  expect(headers['content-type']).toBe('text/event-stream');
  expect(writers).toEqual(['PlainWriter']);
  expect([...app.get(SseConnections)]).toHaveLength(0);
  await app.close();
});
