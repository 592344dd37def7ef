import { createChannel, createSession } from 'better-sse';
import { createServer } from 'node:http';
import { Past, RESUME_FROM } from '../past.js';
import { tokens } from '../plan.js';
import { CHANNELS, channelsOf } from '../rooms.js';

/** better-sse on `node:http`, with its own channels. It has no history: who keeps one sends what was missed in a batch. */
export async function open({ replay }) {
  const channels = Array.from({ length: CHANNELS }, () => createChannel());
  const past = new Past(replay, (event) => event);
  const isGenerator = (req) => req.url === '/generator';

  const server = createServer(async (req, res) => {
    // By default it makes JSON of a string too: the generator's text would be another.
    const session = await createSession(req, res, isGenerator(req) ? { serializer: String } : {});
    if (isGenerator(req)) {
      // It pushes without looking at the socket: all that is yielded waits in memory.
      await session.iterate(tokens());
      res.end();
    } else if (req.url === '/replay') {
      await session.batch((buffer) => {
        for (const { id, type, data } of past.after(session.lastId)) buffer.push(data, type, id);
      });
    } else {
      for (const channel of channelsOf(req.url)) channels[channel].register(session);
    }
  });
  return {
    server,
    publish: (channel, { id, type, data }) => channels[channel].broadcast(data, type, { eventId: id }),
    resumeFrom: RESUME_FROM,
  };
}
