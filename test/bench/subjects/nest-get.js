import { Get, Res } from '@nestjs/common';
import { openNest } from './nest-app.js';

/** What Nest itself takes of an opening: a route that is called, and writes the same headers by hand. Nothing is cleaned up. */
const HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'private, no-cache, no-store, no-transform',
  Connection: 'keep-alive',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
};

export async function open({ platform, isIntercepted }) {
  const live = (res) => {
    const raw = platform === 'fastify' ? res.raw : res;
    if (platform === 'fastify') res.hijack();
    raw.writeHead(200, HEADERS);
    raw.flushHeaders();
  };
  const app = await openNest({ platform, isIntercepted }, [], { live: [Get('live'), live, Res()] });
  return { server: app.getHttpServer() };
}
