// One process that loads both builds of the package, as an ESM application with a CommonJS dependency does: what one
// build made works in the other. Copied, compiled and run by tarball.spec.ts, as main.ts is; for ESM only.
import 'reflect-metadata';
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { type Server } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo } from 'node:net';
import { Controller, type INestApplication, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import * as esm from 'nestjs-event-stream';
import * as esmBackplane from 'nestjs-event-stream/backplane';
import * as esmRedis from 'nestjs-event-stream/redis';

type Build = typeof esm;

const require = createRequire(import.meta.url);
const cjs = require('nestjs-event-stream') as Build;
const cjsBackplane = require('nestjs-event-stream/backplane') as typeof esmBackplane;
const cjsRedis = require('nestjs-event-stream/redis') as typeof esmRedis;
assert.notEqual(cjs.SseModule, esm.SseModule, 'two builds, or this proves nothing');

/** What a handler of one build may get from the other: made by `other`, and what the client then reads. */
const answers: Record<string, [make: (other: Build, broadcaster: esm.SseBroadcaster) => unknown, body: RegExp]> = {
  response: [({ SseResponse }) => new SseResponse(['a'], { headers: { 'x-own': 'yes' } }), /^data: a\n\n$/],
  json: [({ SseResponse }) => SseResponse.json({ n: 1 }, 202), /^{"n":1}$/],
  events: [({ SseEvent }) => [new SseEvent('a', { id: 7 })], /^id: 7\ndata: a\n\n$/],
  stream: [({ SseEvent, SseStream }) => new SseStream([new SseEvent('a')]).addData('b'), /^data: a\n\ndata: b\n\n$/],
  queue: [
    ({ SseQueue }) => {
      const queue = new SseQueue();
      void queue.send('a').then(() => queue.close());
      return queue;
    },
    /^data: a\n\n$/,
  ],
  subscription: [
    (_, broadcaster) => broadcaster.subscribe('ended', { from: 'earliest' }),
    /^id: own-0\n: \n\nid: own-1\ndata: a\n\nid: own-2\n\n$/,
  ],
  error: [
    ({ SseError }) =>
      (async function* () {
        yield 'a';
        throw new SseError('SSE_CLOSED', 'secret');
      })(),
    /^data: a\n\nevent: error\ndata: Internal server error\n\n$/,
  ],
};

interface Served {
  readonly app: INestApplication;
  /** Whose subscriptions the handlers return. */
  readonly given: { broadcaster?: esm.SseBroadcaster };
  readonly broadcaster: esm.SseBroadcaster;
  readonly url: string;
}

/** An application of one build, whose handlers return what the other build made. */
async function serve(own: Build, other: Build, backplane: esmBackplane.SseBackplane): Promise<Served> {
  const given: Served['given'] = {};

  @Controller()
  class AnswersController {
    @own.Sse(':name')
    answer(@Param('name') name: string): any {
      return answers[name]?.[0](other, given.broadcaster as esm.SseBroadcaster);
    }
  }

  @Module({ imports: [own.SseModule.forRoot({ backplane })], controllers: [AnswersController] })
  class AppModule {}

  const app = await NestFactory.create(AppModule, { logger: false });
  const server = (await app.listen(0, '127.0.0.1')) as Server;
  if (!server.listening) await once(server, 'listening');
  const broadcaster = app.get(own.SseBroadcaster) as esm.SseBroadcaster;
  return { app, given, broadcaster, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A backplane that the application has written, on the base class of one of the builds. */
function ownBackplane({ SseBackplane }: typeof esmBackplane): esmBackplane.SseBackplane {
  class OwnBackplane extends SseBackplane {
    readonly retains = false;
    private readonly listeners = new Map<string, esmBackplane.SseBackplaneListener>();
    private count = 0;

    publish(channel: string, event: esmBackplane.SseBackplaneEvent): string {
      const previous = `own-${this.count++}`;
      const position = `own-${this.count}`;
      this.listeners.get(channel)?.entry({ position, previous, event });
      return position;
    }
    subscribe(channel: string, listener: esmBackplane.SseBackplaneListener): esmBackplane.SseBackplaneSubscription {
      this.listeners.set(channel, listener);
      listener.ready('own-0', false);
      return { close: () => void this.listeners.delete(channel) };
    }
    read(): Promise<esmBackplane.SseBackplanePage> {
      return Promise.resolve({ entries: [] });
    }
    close(): Promise<void> {
      return Promise.resolve();
    }
  }
  return new OwnBackplane();
}

async function main(): Promise<void> {
  for (const [thrown, build] of [
    [new cjs.SseError('SSE_CLOSED', 'x'), esm],
    [new esm.SseError('SSE_CLOSED', 'x'), cjs],
  ] as const) {
    assert.ok(thrown instanceof build.SseError);
    assert.equal(thrown.code, 'SSE_CLOSED');
  }
  // Nothing is connected before it is needed: that it is taken for a backplane is all that is to be seen without a Redis.
  for (const [build, redis] of [
    [esm, cjsRedis],
    [cjs, esmRedis],
  ] as const) {
    build.SseModule.forRoot({ backplane: new redis.RedisBackplane({ url: 'redis://127.0.0.1:1' }) });
  }

  const apps = [await serve(esm, cjs, ownBackplane(cjsBackplane)), await serve(cjs, esm, ownBackplane(esmBackplane))];
  const [first, second] = apps;
  assert.ok(first && second);
  // Each handler returns subscriptions of the other application, and with it of the other build.
  first.given.broadcaster = second.broadcaster;
  second.given.broadcaster = first.broadcaster;
  for (const { broadcaster } of apps) {
    await broadcaster.publish('ended', 'a');
    await broadcaster.end('ended');
  }
  for (const [index, { url }] of apps.entries()) {
    for (const [name, [, body]] of Object.entries(answers)) {
      const response = await fetch(`${url}/${name}`);
      assert.match(await response.text(), body, `${name} of the other build, in application ${index}`);
      if (name === 'json') assert.equal(response.status, 202);
      if (name === 'response') assert.equal(response.headers.get('x-own'), 'yes');
    }
  }
  for (const { app } of apps) await app.close();
  console.log('ok');
}

void main();
