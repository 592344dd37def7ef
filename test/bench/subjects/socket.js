import { once } from 'node:events';
import { createServer } from 'node:http';
import { Past, RESUME_FROM } from '../past.js';
import { HEADERS, encode } from '../payload.js';
import { tokens } from '../plan.js';
import { Rooms } from '../rooms.js';

/**
 * The limit: all events of a turn as one HTTP/1.1 chunk in one Buffer, which every socket is given as it is. `res.write`
 * would frame it again for each response, in three writes.
 */
export async function open({ replay }) {
  const rooms = new Rooms();
  const pending = rooms.members.map(() => '');
  const past = new Past(replay, encode);
  // What everybody missed, as everybody gets it.
  const missed = replay.length > 0 ? chunk(past.after(RESUME_FROM).join('')) : undefined;
  const server = createServer((req, res) => {
    res.writeHead(200, HEADERS);
    res.flushHeaders();
    if (req.url === '/generator') void generate(res);
    else if (req.url === '/replay') res.socket.write(missed);
    else rooms.join(req.url, res, res.socket);
  });

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
    resumeFrom: RESUME_FROM,
  };
}

/** One write for each event, as `res.write` would do: nothing is shared, so this is no limit for a source. */
async function generate(res) {
  const { socket } = res;
  for await (const token of tokens()) {
    if (!socket.write(chunk(`data: ${token}\n\n`))) await once(socket, 'drain');
  }
  res.end();
}

function chunk(text) {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}
