import fastify from 'fastify';
import { bareHandlers } from './bare.js';

/** Bare Fastify: as bare `node:http`, behind routes that hijack their reply. */
export async function open({ replay }) {
  const { handle, publish, resumeFrom } = bareHandlers(replay);
  const app = fastify();
  for (const path of ['/live', '/three', '/replay', '/generator']) {
    app.get(path, (request, reply) => {
      reply.hijack();
      handle(path, request.raw, reply.raw);
    });
  }
  await app.ready();
  return { server: app.server, publish, resumeFrom };
}
