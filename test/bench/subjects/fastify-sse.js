import sse from '@fastify/sse';
import fastify from 'fastify';
import { Past, RESUME_FROM } from '../past.js';
import { tokens } from '../plan.js';
import { Rooms } from '../rooms.js';

/** @fastify/sse: it has no broadcast, so an event is sent to each client in turn; and no history, so it is looked up. */
export async function open({ replay }) {
  const rooms = new Rooms();
  const past = new Past(replay, messageOf);
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
  app.get('/replay', { sse: 'only' }, async (request, reply) => {
    reply.sse.keepAlive();
    await reply.sse.replay(async (id) => {
      for (const message of past.after(id)) await reply.sse.send(message);
    });
  });
  await app.ready();
  return {
    server: app.server,
    publish(channel, event) {
      const message = messageOf(event);
      for (const client of rooms.members[channel]) void client.send(message);
    },
    resumeFrom: RESUME_FROM,
  };
}

function messageOf({ id, type, data }) {
  return { id, event: type, data };
}
