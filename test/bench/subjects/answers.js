import { Param } from '@nestjs/common';
import { answer } from '../answer.js';
import { plan } from '../plan.js';
import { openNest } from './nest-app.js';
import { redisEntryOf } from './redis-entry.js';

/**
 * A model's answer on its way to one reader, by the same application: only what keeps it differs.
 *
 * @param source `'unstored'`: the handler returns the source. `'each'`: `produce()`, each token an event. `'batch'`: `produce()` with
 *   `batch: true`. `'resumable'`: the package resumable-stream
 * @param redis what the backplane on Redis is given
 */
export async function open({ platform, library, source, redis }) {
  const { Sse, SseModule, SseBroadcaster } = await import(library);
  const backplane = new (await import(redisEntryOf(library))).RedisBackplane(redis);
  let broadcaster;
  const produced = (options) => async (id) => {
    await broadcaster.produce(id, () => answer(plan), options);
    return broadcaster.subscribe(id, { from: 'earliest' });
  };
  const ways = {
    unstored: () => answer(plan),
    each: produced({}),
    batch: produced({ batch: true }),
    resumable: source === 'resumable' ? await resumable(redis.url) : undefined,
  };
  const app = await openNest({ platform }, [SseModule.forRoot({ backplane, ping: false })], {
    answer: [Sse('answer/:id'), ways[source], Param('id')],
  });
  broadcaster = app.get(SseBroadcaster);
  return { server: app.getHttpServer() };
}

/**
 * Its own reader has the stream without Redis, so the reader that is measured is one that comes to another process, as every
 * reader of this library: what keeps an answer is for those.
 */
async function resumable(url) {
  const { createClient } = await import('redis');
  const { createResumableStreamContext } = await import('resumable-stream');
  const context = async () => {
    const [publisher, subscriber] = [createClient({ url }), createClient({ url })];
    await Promise.all([publisher.connect(), subscriber.connect()]);
    return createResumableStreamContext({ waitUntil: null, publisher, subscriber });
  };
  const [producing, reading] = [await context(), await context()];
  return async (id) => {
    await producing.createNewResumableStream(id, () => ReadableStream.from(answer(plan)));
    return await reading.resumeExistingStream(id);
  };
}
