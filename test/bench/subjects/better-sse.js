import { createChannel, createEventBuffer, createSession } from 'better-sse';
import { createServer } from 'node:http';
import { CHANNELS, channelsOf } from '../rooms.js';

/** better-sse on `node:http`, with its own channels. Of history it has only a buffer that the user fills by hand. */
export async function open({ replay }) {
  const channels = Array.from({ length: CHANNELS }, () => createChannel());
  const past = createEventBuffer();
  for (const { id, type, data } of replay) past.push(data, type, id);

  const server = createServer(async (req, res) => {
    const session = await createSession(req, res);
    if (req.url === '/replay') await session.batch(past);
    else for (const channel of channelsOf(req.url)) channels[channel].register(session);
  });
  return {
    server,
    publish: (channel, { id, type, data }) => channels[channel].broadcast(data, type, { eventId: id }),
  };
}
