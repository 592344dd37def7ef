import { Sse } from '@nestjs/common';
import { from, merge, Subject } from 'rxjs';
import { Past, RESUME_FROM } from '../past.js';
import { tokens } from '../plan.js';
import { CHANNELS } from '../rooms.js';
import { lastEventIdOf, openNest } from './nest-app.js';

/** Nest's own `@Sse()`: handlers return a `Subject`, or several of them merged. */
export async function open({ platform, isIntercepted, replay }) {
  const subjects = Array.from({ length: CHANNELS }, () => new Subject());
  const past = new Past(replay, (event) => event);
  const app = await openNest({ platform, isIntercepted }, [], {
    live: [Sse('live'), () => subjects[0]],
    three: [Sse('three'), () => merge(...subjects)],
    // An Observable cannot wait. By default Nest disconnects a client for which 1 Mi characters wait; with 0 it keeps
    // all that the generator yields.
    generator: [Sse('generator', { maxPendingDataLength: 0 }), () => from(tokens())],
    replay: [Sse('replay'), (id) => merge(from(past.after(id)), subjects[0]), lastEventIdOf],
  });
  return {
    server: app.getHttpServer(),
    publish: (channel, event) => subjects[channel].next(event),
    resumeFrom: RESUME_FROM,
  };
}
