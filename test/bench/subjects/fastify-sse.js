import sse from '@fastify/sse';
import fastify from 'fastify';
import { tokens } from '../plan.js';
import { Rooms } from '../rooms.js';

/** @fastify/sse: it has no broadcast, so an event is sent to each client in turn. */
export async function open() {
  const rooms = new Rooms();
  const app = fastify();
  await app.register(sse);
  const handler = async (request, reply) => {
    reply.sse.keepAlive();
    reply.sse.sendHeaders();
    reply.raw.flushHeaders();
    rooms.join(request.url, reply.raw, reply.sse);
  };
  app.get('/live', { sse: 'only' }, handler);
  app.get('/three', { sse: 'only' }, handler);
  app.get('/generator', { sse: 'only' }, async (request, reply) => reply.sse.send(tokens()));
  await app.ready();
  return {
    server: app.server,
    publish(channel, { id, type, data }) {
      for (const client of rooms.members[channel]) void client.send({ id, event: type, data });
    },
  };
}
