// An application that knows the package from the registry only. tarball.spec.ts copies this file into one folder per
// Nest major and module format, compiles it there and runs it. It prints `ok` and has nothing left that keeps it alive.
import 'reflect-metadata';
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseClient, SseConnection, SseModule, type SseEventInit } from 'nestjs-event-stream';
import { SseBackplane, type SseTimedBackplane } from 'nestjs-event-stream/backplane';
import { RedisBackplane, type SseRedisOptions } from 'nestjs-event-stream/redis';
import { backplaneContract } from 'nestjs-event-stream/backplane-testing';
import { from, type Observable } from 'rxjs';

/** The application's own types of what a connection carries. */
declare module 'nestjs-event-stream' {
  interface SseContext {
    userId?: string;
  }
  interface SseRequest {
    readonly url: string;
  }
}

@Controller()
class NumbersController {
  @Sse('numbers')
  numbers(@SseClient() connection: SseConnection): Observable<SseEventInit> {
    connection.context.userId = connection.request.url;
    // @ts-expect-error a tag of another type
    connection.context.userId = 7;
    return from([1, 2, 3].map((n) => ({ type: 'number', id: String(n), data: { n } })));
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [NumbersController] })
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  const server = (await app.listen(0, '127.0.0.1')) as Server;
  if (!server.listening) await once(server, 'listening');

  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/numbers`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  assert.equal(await response.text(), [1, 2, 3].map((n) => `event: number\nid: ${n}\ndata: {"n":${n}}\n\n`).join(''));

  await app.close();

  // The other entries resolve, for the compiler and for Node. Nothing is connected before it is needed.
  const options: Partial<SseRedisOptions> = { url: 'redis://127.0.0.1:1' };
  const backplane: SseBackplane & SseTimedBackplane = new RedisBackplane(options);
  await backplane.close();
  assert.equal(typeof SseBackplane, 'function');
  assert.equal(typeof backplaneContract, 'function');
  console.log('ok');
}

void main();
