import { createServer } from 'node:http';
import { HEADERS, encode } from '../payload.js';
import { Rooms } from '../rooms.js';

/**
 * The limit: all events of a turn as one HTTP/1.1 chunk in one Buffer, which every socket is given as it is. `res.write`
 * would frame it again for each response, in three writes.
 */
export async function open({ replay }) {
  const rooms = new Rooms();
  const pending = rooms.members.map(() => '');
  const server = createServer((req, res) => {
    res.writeHead(200, HEADERS);
    res.flushHeaders();
    if (req.url === '/replay') res.socket.write(past);
    else rooms.join(req.url, res, res.socket);
  });
  const past = chunk(replay.map(encode).join(''));

  function flush(channel) {
    const frame = chunk(pending[channel]);
    pending[channel] = '';
    for (const socket of rooms.members[channel]) socket.write(frame);
  }

  return {
    server,
    publish(channel, event) {
      if (pending[channel] === '') queueMicrotask(() => flush(channel));
      pending[channel] += encode(event);
    },
  };
}

function chunk(text) {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}
