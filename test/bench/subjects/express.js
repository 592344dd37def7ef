import express from 'express';
import { createServer } from 'node:http';
import { HEADERS, encode } from '../payload.js';
import { Rooms } from '../rooms.js';

/** Bare Express: as bare `node:http`, behind a route. */
export async function open() {
  const rooms = new Rooms();
  const app = express();
  app.get(['/live', '/three'], (req, res) => {
    res.writeHead(200, HEADERS);
    res.flushHeaders();
    rooms.join(req.path, res);
  });
  return {
    server: createServer(app),
    publish(channel, event) {
      const frame = Buffer.from(encode(event));
      for (const res of rooms.members[channel]) res.write(frame);
    },
  };
}
