import { once } from 'node:events';
import { Past, RESUME_FROM } from '../past.js';
import { HEADERS, encode } from '../payload.js';
import { tokens } from '../plan.js';
import { Rooms } from '../rooms.js';

/** What is the same in bare `node:http`, Express and Fastify: only the way to a handler differs. */
export function bareHandlers(replay) {
  const rooms = new Rooms();
  const past = new Past(replay, (event) => Buffer.from(encode(event)));
  return {
    handle(path, req, res) {
      res.writeHead(200, HEADERS);
      res.flushHeaders();
      if (path === '/generator') void generate(res);
      else if (path === '/replay') for (const frame of past.after(req.headers['last-event-id'])) res.write(frame);
      else rooms.join(path, res);
    },
    publish(channel, event) {
      const frame = Buffer.from(encode(event));
      for (const res of rooms.members[channel]) res.write(frame);
    },
    resumeFrom: RESUME_FROM,
  };
}

/** One write for each event, and no other while the socket is full. */
async function generate(res) {
  for await (const token of tokens()) {
    if (!res.write(`data: ${token}\n\n`)) await once(res, 'drain');
  }
  res.end();
}
