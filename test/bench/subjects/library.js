import { NEVER } from 'rxjs';
import { FIRST, eventOf } from '../payload.js';
import { tokens } from '../plan.js';
import { channelsOf } from '../rooms.js';
import { openNest } from './nest-app.js';

/** This library: handlers return subscriptions of the broadcaster, and a generator as it is. */
export async function open({ platform, library, replay }) {
  const { Sse, SseModule, SseBroadcaster } = await import(library);
  let broadcaster;
  // A build from before there were channels: a source that never says anything, for what needs no events.
  const subscribe = (path) => broadcaster?.subscribe(channelsOf(path).map(nameOf)) ?? NEVER;

  const app = await openNest(platform, [SseModule.forRoot(SseBroadcaster ? { history: { maxEvents: 2_000 } } : {})], {
    live: [Sse('live'), () => subscribe('/live')],
    three: [Sse('three'), () => subscribe('/three')],
    replay: [Sse('replay'), () => subscribe('/replay')],
    generator: [Sse('generator'), () => tokens()],
  });
  broadcaster = SseBroadcaster && app.get(SseBroadcaster);

  return {
    server: app.getHttpServer(),
    publish: broadcaster && ((channel, event) => broadcaster.publish(nameOf(channel), withoutId(event))),
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

/** The backplane mints the ids. */
const withoutId = ({ type, data }) => ({ type, data });
