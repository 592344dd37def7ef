// What a user tests. The runner is another one in each application: see runner.*.ts.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SseBroadcaster, SseConnections } from 'nestjs-event-stream';
import { openStream, SseRecordingBroadcaster, type OpenStreamOptions } from 'nestjs-event-stream/testing';
import { OrdersController, OrdersModule } from './orders.js';
import { afterEach, fakeTime, test } from './runner.js';

let app: INestApplication | undefined;

async function start(): Promise<{ app: INestApplication; orders: OrdersController }> {
  const module = await Test.createTestingModule({ imports: [OrdersModule] }).compile();
  app = module.createNestApplication({ logger: false });
  return { app, orders: module.get(OrdersController) };
}

afterEach(async () => {
  await app?.close();
  app = undefined;
});

const asAnn: OpenStreamOptions = { headers: { authorization: 'Bearer ann' } };

test('a stranger is answered with 401', async () => {
  const { app } = await start();
  const { response } = await openStream(app, '/orders/feed');
  assert.equal(response.status, 401);
  assert.equal((JSON.parse(response.body ?? '') as { message: string }).message, 'Unauthorized');
});

test('the first events come', async () => {
  const { app, orders } = await start();
  const stream = await openStream(app, '/orders/feed', asAnn);
  await orders.create(20);
  await orders.create(30);
  const events = await stream.take(2);
  assert.deepEqual(
    events.map(({ type, data }) => [type, JSON.parse(data)]),
    [
      ['created', { total: 20 }],
      ['created', { total: 30 }],
    ],
  );
});

test('a client that comes back has missed nothing', async () => {
  const { app, orders } = await start();
  const stream = await openStream(app, '/orders/feed', asAnn);
  await orders.create(1);
  await stream.next();
  await stream.cut();
  await orders.create(2);
  await stream.reconnect();
  assert.equal((await stream.next()).data, '{"total":2}');
});

test('a client that was away for too long is told of the gap', async () => {
  const { app, orders } = await start();
  const stream = await openStream(app, '/orders/feed', asAnn);
  await orders.create(0);
  const { id } = await stream.next();
  await stream.close();
  for (const total of [1, 2, 3, 4]) await orders.create(total);
  const late = await openStream(app, '/orders/feed', { ...asAnn, lastEventId: id });
  assert.equal((await late.next()).type, 'gap');
});

test('a silent client is pinged after 15 seconds', async () => {
  const { app } = await start();
  const time = fakeTime();
  try {
    const stream = await openStream(app, '/orders/feed', asAnn);
    // Where it stands in the channel.
    await stream.nextComment();
    assert.equal(stream.comments.length, 1);
    await time.advance(15_000);
    assert.equal(await stream.nextComment(), '');
  } finally {
    time.restore();
  }
});

test('who signs out is told, and the stream ends', async () => {
  const { app, orders } = await start();
  const stream = await openStream(app, '/orders/feed', asAnn);
  orders.signOut('ann');
  assert.deepEqual(
    (await stream.rest()).map(({ type }) => type),
    ['signed-out'],
  );
});

test('a shutdown ends the stream, and tells when to come back', async () => {
  const { app } = await start();
  const stream = await openStream(app, '/orders/feed', asAnn);
  await app.close();
  assert.deepEqual(await stream.rest(), []);
  assert.ok(stream.retry);
});

test('what is published is recorded, without an application', async () => {
  const broadcaster = new SseRecordingBroadcaster();
  const orders = new OrdersController(broadcaster);
  await orders.create(20);
  assert.deepEqual(broadcaster.published, [{ channel: 'orders', event: { type: 'created', data: { total: 20 } } }]);
  assert.deepEqual(orders.answer('7').channels, ['answers.7']);
});

test('an answer is produced, joined, and stopped', async () => {
  const { app, orders } = await start();
  await orders.ask('7');
  const stream = await openStream(app, '/orders/answers/7');
  assert.equal((await stream.next()).data, 'Hello');
  await orders.stop('7');
  assert.deepEqual(await stream.rest(), []);
  assert.equal((await app.get(SseBroadcaster).status('answers.7')).status, 'stopped');
});

test('nothing is left open', async () => {
  const { app } = await start();
  const stream = await openStream(app, '/orders/feed', asAnn);
  assert.equal(app.get(SseConnections).size, 1);
  await stream.close();
  assert.equal(app.get(SseConnections).size, 0);
});
