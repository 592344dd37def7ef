import { Param } from '@nestjs/common';
import { NEVER, Subject } from 'rxjs';
import { FIRST, eventOf } from '../payload.js';
import { tokens } from '../plan.js';
import { channelsOf } from '../rooms.js';
import { openNest } from './nest-app.js';
import { redisEntryOf } from './redis-entry.js';

/** Events that a channel keeps: all that a replay asks for, and a few more. */
const KEPT = 2_000;

/**
 * This library: handlers return subscriptions of the broadcaster, and a generator as it is.
 *
 * @param redis what the backplane on Redis is given; without, it is in memory
 * @param kept events that a channel keeps
 * @param source `'subject'`: handlers return one `Subject` for all
 */
export async function open({ platform, isIntercepted, library, replay, redis, kept = KEPT, source = 'channel' }) {
  const { Sse, SseModule, SseBroadcaster } = await import(library);
  const subject = new Subject();
  let broadcaster;
  // A build from before there were channels: a source that never says anything, for what needs no events.
  const subscribe = (path) => broadcaster?.subscribe(channelsOf(path).map(nameOf)) ?? NEVER;

  const backplane = redis && new (await import(redisEntryOf(library))).RedisBackplane(redis);
  const options = SseBroadcaster ? { history: { maxEvents: kept }, ...(backplane && { backplane }) } : {};
  const app = await openNest({ platform, isIntercepted }, [SseModule.forRoot(options)], {
    live: [Sse('live'), () => (source === 'channel' ? subscribe('/live') : subject)],
    three: [Sse('three'), () => subscribe('/three')],
    topic: [Sse('topic/:topic'), (topic) => broadcaster.subscribe(topicOf(topic)), Param('topic')],
    replay: [Sse('replay'), () => subscribe('/replay')],
    generator: [Sse('generator'), () => tokens()],
  });
  broadcaster = SseBroadcaster && app.get(SseBroadcaster);

  return {
    server: app.getHttpServer(),
    publish: broadcaster && ((channel, event) => broadcaster.publish(nameOf(channel), withoutId(event))),
    publishTo: (topic, event) => broadcaster.publish(topicOf(topic), withoutId(event)),
    resumeFrom: broadcaster && replay.length > 0 ? await fillHistory() : undefined,
  };

  /** @returns the id of the event before the first that is replayed */
  async function fillHistory() {
    const { id } = await broadcaster.publish(nameOf(0), withoutId(eventOf(0, FIRST - 1)));
    for (const event of replay) await broadcaster.publish(nameOf(0), withoutId(event));
    return id;
  }
}

const nameOf = (channel) => `channel-${channel}`;

/** Names of one length, so that each costs as many bytes. */
const topicOf = (topic) => `topic-${String(topic).padStart(4, '0')}`;

/** The backplane mints the ids. */
const withoutId = ({ type, data }) => ({ type, data });
