import fastify from 'fastify';
import { HEADERS, encode } from '../payload.js';
import { Rooms } from '../rooms.js';

/** Bare Fastify: as bare `node:http`, behind a route that hijacks its reply. */
export async function open() {
  const rooms = new Rooms();
  const app = fastify();
  const handler = (request, reply) => {
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, HEADERS);
    raw.flushHeaders();
    rooms.join(request.url, raw);
  };
  app.get('/live', handler);
  app.get('/three', handler);
  await app.ready();
  return {
    server: app.server,
    publish(channel, event) {
      const frame = Buffer.from(encode(event));
      for (const res of rooms.members[channel]) res.write(frame);
    },
  };
}
