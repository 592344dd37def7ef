import { once } from 'node:events';
import { createServer } from 'node:http';
import { HEADERS, encode } from '../payload.js';
import { tokens } from '../plan.js';
import { Rooms } from '../rooms.js';

/** Bare `node:http`: a frame is encoded once, and written to each response with `res.write(Buffer)`. */
export async function open() {
  const rooms = new Rooms();
  const server = createServer((req, res) => {
    res.writeHead(200, HEADERS);
    res.flushHeaders();
    if (req.url === '/generator') void generate(res);
    else rooms.join(req.url, res);
  });
  return {
    server,
    publish(channel, event) {
      const frame = Buffer.from(encode(event));
      for (const res of rooms.members[channel]) res.write(frame);
    },
  };
}

/** One write for each event, and no other while the socket is full. */
async function generate(res) {
  for await (const token of tokens()) {
    if (!res.write(`data: ${token}\n\n`)) await once(res, 'drain');
  }
  res.end();
}
